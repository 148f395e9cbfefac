"""Bounds of what is read and parsed."""

from collections.abc import AsyncIterator

import pytest

from pii_vault.gateway.errors import BrokenPayload, PayloadTooLarge
from pii_vault.gateway.payload import MAX_BYTES, decode_object, read_bounded


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_a_body_within_the_limit_is_read_whole() -> None:
    assert await read_bounded(chunks(b"ab", b"c"), declared="3") == b"abc"
    assert len(await read_bounded(chunks(b"x" * MAX_BYTES), declared=None)) == MAX_BYTES


async def test_a_body_that_grows_over_the_limit_is_refused_while_reading() -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"x" * 65536

    with pytest.raises(PayloadTooLarge):
        await read_bounded(endless(), declared="5")
    assert read == 17


async def test_a_body_declared_too_large_is_not_read() -> None:
    with pytest.raises(PayloadTooLarge):
        await read_bounded(chunks(), declared=str(MAX_BYTES + 1))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"a":"\\ud800"}',
        b'{"a":NaN}',
        b'{"a":' + b"[" * 30 + b"]" * 30 + b"}",
        b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"a":[' + b"[]," * 60_000 + b"[]]}",
        b'{"a":' + b"9" * 100 + b"}",
        b'{"a":' + b"9" * 10_000 + b"}",
        b'{"a":1e999999999}',
        b'{"a":1e-400}',
        b'{"a":0.' + b"1" * 100 + b"}",
    ],
    ids=range(15),
)
def test_bombs_and_rubbish_are_refused(body: bytes) -> None:
    with pytest.raises(BrokenPayload) as refused:
        decode_object(body)
    assert refused.value.__cause__ is None


def test_an_ordinary_object_is_read() -> None:
    assert decode_object(b'{"a":{"b":[1,2.5]},"c":null}')["a"]["b"][0] == 1
