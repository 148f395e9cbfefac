"""Texts of many tokens at once, by arithmetic over all of them together: a third of what each by itself costs.

The spellings and the refusals are those of `tokens.py`, which also reads whatever batch has something odd in it.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Final

from pii_vault.core.tokens import (
    ALPHABET,
    BODY_CHARS,
    TO_INT32,
    TOKEN_BYTES,
    parse_tokens,
    prefix_meaning,
    text_writer,
)

# A body is 140 bits: 128 of the token, two that are zero, ten of the check. Four more characters make 20 whole bytes,
# of which those after the token begin with six and four bits of the check.
_PADDING: Final = "0000"
_SPELLED_CHARS: Final = BODY_CHARS + len(_PADDING)
_SPELLED_BYTES: Final = TOKEN_BYTES + 4
_BLANK: Final = bytes(_SPELLED_BYTES - TOKEN_BYTES)
_FEW: Final = 8  # so many are read and spelled faster one by one
_TO_ALPHABET: Final = bytes(ord(ALPHABET[code]) if code < len(ALPHABET) else ord("!") for code in range(256))


def read_tokens(texts: Sequence[str], *, tenant: str) -> tuple[list[str | None], list[bytes]]:
    """`parse_tokens` as two columns: class ids and bytes; of a malformed text None and no bytes."""
    if len(texts) > _FEW:
        try:
            return _read_all(texts, tenant)
        except ValueError:  # one of them is malformed
            pass
    parsed = parse_tokens(texts, tenant=tenant)
    return [each and each[0] for each in parsed], [each[1] if each else b"" for each in parsed]


def _read_all(texts: Sequence[str], tenant: str) -> tuple[list[str | None], list[bytes]]:
    """Raises ValueError when one of them is malformed."""
    count = len(texts)
    prefixes = [text[:-BODY_CHARS] for text in texts]
    bodies = _PADDING.join([text[-BODY_CHARS:] for text in texts]) + _PADDING
    if len(bodies) != _SPELLED_CHARS * count:
        raise ValueError("one is too short")
    class_ids: dict[str, str | None] = {}
    seeds: dict[str, int] = {}
    for prefix in set(prefixes):
        meaning = prefix_meaning(prefix, tenant)
        if meaning is None:
            raise ValueError("one is no token by its prefix")
        class_ids[prefix], seeds[prefix] = meaning
    number = int(bodies.encode("ascii").translate(TO_INT32), 32)  # refuses whatever is no character of a body
    spelled = number.to_bytes(_SPELLED_BYTES * count, "big")
    bits = [spelled[at : at + TOKEN_BYTES] for at in range(0, len(spelled), _SPELLED_BYTES)]
    first, second = _check_bytes(bits, [seeds[prefix] for prefix in prefixes])
    if first != spelled[TOKEN_BYTES::_SPELLED_BYTES] or second != spelled[TOKEN_BYTES + 1 :: _SPELLED_BYTES]:
        raise ValueError("one is mistyped or another tenant's")
    return [class_ids[prefix] for prefix in prefixes], bits


def batch_writer(prefix: str, *, tenant: str) -> Callable[[Sequence[bytes]], list[str]]:
    """Texts of ids of 16 bytes each, in order. `prefix` is that of a token (`tok_phone_`) or `sub_`."""
    seed, one = zlib.crc32(f"{prefix}\0{tenant}\0".encode()), text_writer(prefix, tenant=tenant)

    def write(ids: Sequence[bytes]) -> list[str]:
        if len(ids) < _FEW:
            return [one(bits) for bits in ids]
        spelled = bytearray(_BLANK.join(ids) + _BLANK)
        first, second = _check_bytes(ids, repeat(seed))
        spelled[TOKEN_BYTES::_SPELLED_BYTES] = first
        spelled[TOKEN_BYTES + 1 :: _SPELLED_BYTES] = second
        text = _base32(spelled)
        return [prefix + text[at : at + BODY_CHARS] for at in range(0, len(text), _SPELLED_CHARS)]

    return write


def _check_bytes(ids: Sequence[bytes], seeds: Iterable[int]) -> tuple[bytes, bytes]:
    """The check of each id, as it stands in the two bytes after it: columns of first and second bytes."""
    checks = [(check & 1023) << 4 for check in map(zlib.crc32, ids, seeds)]
    packed = struct.pack(f">{len(checks)}H", *checks)
    return packed[::2], packed[1::2]


def _base32(data: bytes | bytearray) -> str:
    """Of whole groups of five bytes. Each field of bits is halved thrice, in all groups by one operation."""
    groups = len(data) // 5
    lanes = bytearray(8 * groups)  # five bytes at the right of each eight
    for place in range(5):
        lanes[3 + place :: 8] = data[place::5]
    number = int.from_bytes(lanes, "big")
    for shift, low, high in _halvings(groups):
        number = (number & high) << shift | number & low
    return number.to_bytes(8 * groups, "big").translate(_TO_ALPHABET).decode("ascii")


@lru_cache(maxsize=16)
def _halvings(groups: int) -> tuple[tuple[int, int, int], ...]:
    """40 bits in 64 → 20 in 32 → 10 in 16 → 5 in 8: how far the upper half moves, masks of lower and upper halves."""
    steps = []
    for bits, width in ((20, 8), (10, 4), (5, 2)):
        low = ((1 << bits) - 1).to_bytes(width, "big") * (8 // width * groups)
        high = ((1 << bits) - 1 << bits).to_bytes(width, "big") * (8 // width * groups)
        steps.append((4 * width - bits, int.from_bytes(low, "big"), int.from_bytes(high, "big")))
    return tuple(steps)
