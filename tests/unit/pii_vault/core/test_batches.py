"""The functions for batches do what their single twins do: same spellings, same refusals."""

import os

import pytest

from pii_vault.core.envelope import open_sealed, place_opener, seal, value_aad, value_aads
from pii_vault.core.primitives import AesGcmCipher, new_key
from pii_vault.core.tokens import (
    new_token_text,
    parse_token,
    parse_tokens,
    token_writer,
)
from pii_vault.errors import MalformedToken, TamperedCiphertext, UnknownSuite

BITS = [bytes(16), b"\xff" * 16, *(os.urandom(16) for _ in range(50))]
CLASSES = ("phone", "birth_date")


def damaged(token: str) -> list[str]:
    """Texts close to a token that are none."""
    texts = [
        token[:at] + other + token[at + 1 :]
        for at in range(4, len(token))
        for other in "0zi_+ жA"
        if other != token[at]
    ]
    return [*texts, token + "0", token[:-1], " " + token, token + "\n", token.upper(), token[4:], "", "tok_", "é" * 40]


def test_texts_are_spelled_alike() -> None:
    for class_id in CLASSES:
        write = token_writer(class_id, tenant="demo")
        assert [write(bits) for bits in BITS] == [new_token_text(class_id, tenant="demo", bits=bits) for bits in BITS]


def test_tokens_are_read_alike() -> None:
    texts = [new_token_text(class_id, tenant="demo", bits=bits) for class_id in CLASSES for bits in BITS]
    texts += [*damaged(texts[7]), new_token_text("phone", tenant="other", bits=BITS[3])]
    for text, parsed in zip(texts, parse_tokens(texts, tenant="demo"), strict=True):
        try:
            token = parse_token(text, tenant="demo")
        except MalformedToken:
            assert parsed is None, text
        else:
            assert parsed == (token.class_id, token.bits)


def test_a_sealed_value_opens_in_its_own_place_only() -> None:
    cipher, subject, token = AesGcmCipher(new_key()), os.urandom(16), os.urandom(16)
    place = value_aad(tenant_key=7, subject=subject, class_key=2, token=token)
    blob = seal(cipher, b"value", aad=place)
    assert open_sealed(cipher, blob, aad=place) == b"value"
    elsewhere = value_aad(tenant_key=8, subject=subject, class_key=2, token=token)
    another = AesGcmCipher(new_key())
    for key, changed, at in (
        (another, blob, place),
        (cipher, blob, elsewhere),
        (cipher, blob[:-1], place),
        (cipher, b"", place),
    ):
        with pytest.raises(TamperedCiphertext):
            open_sealed(key, changed, aad=at)
    with pytest.raises(UnknownSuite):
        open_sealed(cipher, b"\x09" + blob[1:], aad=place)


def test_places_of_a_batch_are_those_of_each() -> None:
    subjects, tokens, classes = [os.urandom(16) for _ in range(9)], [os.urandom(16) for _ in range(9)], list(range(9))
    assert value_aads(tenant_key=7, subjects=subjects, class_keys=classes, tokens=tokens) == [
        value_aad(tenant_key=7, subject=subject, class_key=class_key, token=token)
        for subject, class_key, token in zip(subjects, classes, tokens, strict=True)
    ]
    with pytest.raises(ValueError, match="16 bytes"):
        value_aads(tenant_key=7, subjects=[*subjects, b"short"], class_keys=[*classes, 1], tokens=[*tokens, tokens[0]])


def test_a_packed_value_opens_beside_its_own_place_only() -> None:
    cipher, subject, token = AesGcmCipher(new_key()), os.urandom(16), os.urandom(16)
    aad = value_aad(tenant_key=7, subject=subject, class_key=2, token=token)
    blob = seal(cipher, b"value", aad=aad)
    before, place = b"before", aad[4:]
    data = before + place + b"size" + blob + b"after"
    at, start = len(before), len(before) + len(place) + 4
    end = start + len(blob)
    assert place_opener(tenant_key=7)(cipher, data, at, start, end) == b"value"
    moved = before + bytes(1) + place[1:] + data[at + len(place) :]
    for tenant_key, held, there, place_at, upto in (
        (8, cipher, data, at, end),
        (7, AesGcmCipher(new_key()), data, at, end),
        (7, cipher, moved, at, end),
        (7, cipher, data, at + 1, end),
        (7, cipher, data, at, end - 1),
        (7, cipher, data, at, end + 1),
        (7, cipher, data, at, start + 13),
        (7, cipher, data, at, start),
    ):
        with pytest.raises(TamperedCiphertext):
            place_opener(tenant_key=tenant_key)(held, there, place_at, start, upto)
    other = data[:start] + b"\x09" + data[start + 1 :]
    with pytest.raises(UnknownSuite):
        place_opener(tenant_key=7)(cipher, other, at, start, end)
