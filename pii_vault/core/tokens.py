"""Tokens and ids: text ⇄ 128 random bits. Pure, and cheap enough for every row of every batch.

    tok_<class>_ + 26 characters + 2 check characters
    sub_         + 26 characters + 2 check characters
    evt_, ord_ … + 26 characters

Characters are lower-case Crockford base32 (no i, l, o, u). 26 of them carry 130 bits: 128 of the token,
then two that must be zero, so that each token has exactly one spelling. The check characters are ten bits
of a CRC-32 over prefix ‖ 0 ‖ tenant ‖ 0 ‖ bits: they find a mistyped, truncated or foreign token without
a query. They are integrity against accident, not secrecy and not authentication.
"""

import os
import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from pii_vault.errors import MalformedToken

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
TOKEN_BYTES = 16
BODY_CHARS = 28  # 26 of the bits, 2 of the check
ID_CHARS = 26
MAX_PREFIX_CHARS = 64

_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]  # ten bits → two characters
# Crockford's digits → the digits int(…, 32) reads. All else becomes "!", which int() refuses, so that
# its leniency (signs, underscores, blanks, capitals) can never give one token a second spelling.
TO_INT32 = bytes(
    b"0123456789abcdefghijklmnopqrstuv"[ALPHABET.index(chr(code))] if chr(code) in ALPHABET else ord("!")
    for code in range(256)
)
_halves = struct.Struct(">QQ").unpack


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says: the class of the value it stands for, and its 16 bytes."""

    class_id: str
    bits: bytes


def new_token_text(class_id: str, *, tenant: str, bits: bytes) -> str:
    """The one spelling of these 16 bytes as a token of this class and tenant."""
    prefix = f"tok_{class_id}_"
    return prefix + _body(bits, zlib.crc32(bits, _seed(prefix, tenant)) & 1023)


def parse_token(text: str, *, tenant: str) -> Token:
    """The token of this text. Raises MalformedToken unless it is spelled exactly as this tenant's is."""
    token = _split_token(text)
    if token is None:
        raise MalformedToken
    prefix, bits, check = token
    if zlib.crc32(bits, _seed(prefix, tenant)) & 1023 != check:
        raise MalformedToken
    return Token(prefix[4:-1], bits)


def token_writer(class_id: str, *, tenant: str) -> Callable[[bytes], str]:
    """`new_token_text` of one class and tenant, for a batch: what they share is worked out once."""
    return text_writer(f"tok_{class_id}_", tenant=tenant)


def parse_tokens(texts: Iterable[str], *, tenant: str) -> list[tuple[str, bytes] | None]:
    """`parse_token` for a batch: (class id, 16 bytes) of each text, None for a malformed one."""
    known: dict[str, tuple[str, int] | None] = {}
    crc32, spelling, length = zlib.crc32, TO_INT32, BODY_CHARS
    parsed: list[tuple[str, bytes] | None] = []
    for text in texts:
        prefix = text[:-length]
        if prefix not in known:
            known[prefix] = prefix_meaning(prefix, tenant)
        meaning = known[prefix]
        if meaning is None:
            parsed.append(None)
            continue
        try:  # what is not ASCII is spelled with "!" as well, so int() refuses it
            number = int(text[-length:].encode().translate(spelling), 32)
        except ValueError:
            parsed.append(None)
            continue
        bits = (number >> 12).to_bytes(TOKEN_BYTES, "big")
        # Ten check bits that must be equal, under two that must be zero.
        wrong = (crc32(bits, meaning[1]) & 1023) ^ (number & 0xFFF)
        parsed.append(None if wrong else (meaning[0], bits))
    return parsed


def prefix_meaning(prefix: str, tenant: str) -> tuple[str, int] | None:
    """What stands before a token's body: its class id, and where the CRC of its check begins; None when it is none."""
    return (prefix[4:-1], _seed(prefix, tenant)) if _is_token_prefix(prefix) else None


def parse_token_shape(text: str) -> Token | None:
    """The token of this text by its form alone, whoever's it is; None when it is not a token at all."""
    token = _split_token(text)
    return None if token is None else Token(token[0][4:-1], token[1])


def new_subject_text(bits: bytes, *, tenant: str) -> str:
    """The one spelling of a subject's 16 bytes in this tenant."""
    return "sub_" + _body(bits, zlib.crc32(bits, _seed("sub_", tenant)) & 1023)


def parse_subject(text: str, *, tenant: str) -> bytes:
    """A subject's 16 bytes. Raises MalformedToken unless it is spelled exactly as this tenant's is."""
    read = _read_body(text[4:]) if text.startswith("sub_") else None
    if read is None or zlib.crc32(read[0], _seed("sub_", tenant)) & 1023 != read[1]:
        raise MalformedToken
    return read[0]


def parse_subject_shape(text: str) -> bytes | None:
    """A subject's 16 bytes by form alone; None when the text is not a subject id at all."""
    read = _read_body(text[4:]) if text.startswith("sub_") else None
    return None if read is None else read[0]


def new_id(prefix: str) -> str:
    """A new random id such as evt_…, ord_…, stf_…: 128 bits, no check characters."""
    return f"{prefix}_{_body(os.urandom(TOKEN_BYTES), 0)[:ID_CHARS]}"


def text_writer(prefix: str, *, tenant: str) -> Callable[[bytes], str]:
    """What both have in common."""
    seed = _seed(prefix, tenant)
    crc32, body = zlib.crc32, _body

    def write(bits: bytes) -> str:
        return prefix + body(bits, crc32(bits, seed) & 1023)

    return write


def _body(bits: bytes, check: int) -> str:
    high, low = _halves(bits)
    pair = _PAIRS
    return (
        f"{pair[high >> 54]}{pair[high >> 44 & 1023]}{pair[high >> 34 & 1023]}{pair[high >> 24 & 1023]}"
        f"{pair[high >> 14 & 1023]}{pair[high >> 4 & 1023]}{pair[(high & 15) << 6 | low >> 58]}"
        f"{pair[low >> 48 & 1023]}{pair[low >> 38 & 1023]}{pair[low >> 28 & 1023]}"
        f"{pair[low >> 18 & 1023]}{pair[low >> 8 & 1023]}{pair[(low & 255) << 2]}{pair[check]}"
    )


def _read_body(body: str) -> tuple[bytes, int] | None:
    if len(body) != BODY_CHARS or not body.isascii():
        return None
    try:
        number = int(body.encode("ascii").translate(TO_INT32), 32)
    except ValueError:
        return None
    if number & 0xC00:  # the two bits that must be zero
        return None
    return (number >> 12).to_bytes(TOKEN_BYTES, "big"), number & 1023


def _split_token(text: str) -> tuple[str, bytes, int] | None:
    prefix, body = text[:-BODY_CHARS], text[-BODY_CHARS:]
    if not _is_token_prefix(prefix):
        return None
    read = _read_body(body)
    return None if read is None else (prefix, *read)


@lru_cache(maxsize=1024)
def _is_token_prefix(prefix: str) -> bool:
    if not (
        prefix.startswith("tok_") and prefix.endswith("_") and prefix.isascii() and len(prefix) <= MAX_PREFIX_CHARS
    ):
        return False
    words = prefix[4:-1].split("_")
    return all(word.isalpha() and word.islower() for word in words)


@lru_cache(maxsize=65536)
def _seed(prefix: str, tenant: str) -> int:
    return zlib.crc32(f"{prefix}\0{tenant}\0".encode())
