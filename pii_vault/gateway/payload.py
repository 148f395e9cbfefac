"""Reading what a stranger sends: bounded before it is parsed, and parsed within bounds."""

from collections.abc import AsyncIterable
from decimal import Decimal
from typing import Any, Final

import msgspec

from pii_vault.gateway.errors import BrokenPayload, PayloadTooLarge

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 24
MAX_NODES: Final = 50_000
MAX_DIGITS: Final = 64  # of one number: Decimal keeps any exponent, and writing it out would fill the memory

_decoder: Final = msgspec.json.Decoder(float_hook=Decimal)


async def read_bounded(stream: AsyncIterable[bytes], *, declared: str | None) -> bytes:
    """The body, or PayloadTooLarge as soon as it is known to be over the limit, whatever its header claims."""
    if declared is not None and declared.isdecimal() and int(declared[:20]) > MAX_BYTES:
        raise PayloadTooLarge
    parts: list[bytes] = []
    size = 0
    async for part in stream:
        size += len(part)
        if size > MAX_BYTES:
            raise PayloadTooLarge
        parts.append(part)
    return b"".join(parts)


def decode_object(body: bytes) -> dict[str, Any]:
    """One JSON object, not too deep, not too many parts, no absurd number. Raises BrokenPayload."""
    try:
        value = _decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError, ValueError, ArithmeticError):
        raise BrokenPayload from None  # the cause may quote the body
    if not isinstance(value, dict):
        raise BrokenPayload
    _check_bounds(value)
    return value


def _check_bounds(root: dict[str, Any]) -> None:
    level: list[Any] = [root]
    nodes = 0
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for node in level:
            children = node.values() if isinstance(node, dict) else node
            nodes += len(node)
            if nodes > MAX_NODES:
                raise BrokenPayload
            for child in children:
                if isinstance(child, dict | list):
                    below.append(child)
                elif isinstance(child, int | Decimal):
                    _check_number(child)
        if not below:
            return
        level = below
    raise BrokenPayload


def _check_number(number: int | Decimal) -> None:
    if isinstance(number, int):
        if number.bit_length() > MAX_DIGITS * 3:
            raise BrokenPayload
        return
    sign_digits_exponent = number.as_tuple()
    exponent = sign_digits_exponent.exponent
    if not isinstance(exponent, int) or abs(exponent) > MAX_DIGITS or len(sign_digits_exponent.digits) > MAX_DIGITS:
        raise BrokenPayload
