"""The envelope: how one value stands encrypted in the database.

    byte  0       cipher suite (1 = AES-256-GCM)
    byte  1       format version (1)
    bytes 2–13    nonce, 96 random bits
    bytes 14–     ciphertext, then the 16-byte tag

The tag also covers suite and version and the value's place: tenant ‖ subject ‖ class ‖ token. A ciphertext
moved to another row, class, subject or tenant therefore does not open. A random nonce is safe here because
a key belongs to one subject: it seals far fewer than 2^32 values.
"""

import os
import struct
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import repeat

from pii_vault.core.primitives import (
    NONCE_BYTES,
    SUITE_AES_256_GCM,
    TAG_BYTES,
    AuthenticationFailed,
    ValueCipher,
)
from pii_vault.errors import TamperedCiphertext, UnknownSuite

FORMAT_VERSION = 1
OVERHEAD_BYTES = 2 + NONCE_BYTES + TAG_BYTES

_HEADERS = {SUITE_AES_256_GCM: bytes((SUITE_AES_256_GCM, FORMAT_VERSION))}
_SEALED_FROM = 2 + NONCE_BYTES
_ID_BYTES = 16
_PLACE_BYTES = 2 * _ID_BYTES + 2  # subject, class, token
# Fixed widths: no two different places give the same bytes.
_pack_place = struct.Struct(">I16sH16s").pack
_pack_sealed_place = struct.Struct(">2sI16sH16s").pack  # with the header, as the tag covers it


def value_aad(*, tenant_key: int, subject: bytes, class_key: int, token: bytes) -> bytes:
    """Where a value belongs, as bytes: tenant, subject (16 bytes), class, token (16 bytes)."""
    if len(subject) != _ID_BYTES or len(token) != _ID_BYTES:
        raise ValueError("a subject and a token have 16 bytes each")
    return _pack_place(tenant_key, subject, class_key, token)


def value_aads(
    *, tenant_key: int, subjects: Sequence[bytes], class_keys: Sequence[int], tokens: Sequence[bytes]
) -> list[bytes]:
    """`value_aad` for a batch of one tenant."""
    if {*map(len, subjects), *map(len, tokens)} - {_ID_BYTES}:
        raise ValueError("a subject and a token have 16 bytes each")
    return list(map(_pack_place, repeat(tenant_key), subjects, class_keys, tokens))


def seal(cipher: ValueCipher, value: bytes, *, aad: bytes) -> bytes:
    """Encrypts a value for the place that `aad` names."""
    header = _HEADERS[cipher.suite]
    nonce = os.urandom(NONCE_BYTES)
    return header + nonce + cipher.encrypt(nonce, value, header + aad)


def seal_all(items: Iterable[tuple[ValueCipher, bytes, bytes]]) -> list[bytes]:
    """`seal` for a batch of (cipher, value, aad): the nonces are drawn by one system call."""
    batch = list(items)
    noise = os.urandom(NONCE_BYTES * len(batch))
    sealed = []
    at, headers = 0, _HEADERS
    for cipher, value, aad in batch:
        header = headers[cipher.suite]
        nonce = noise[at : at + NONCE_BYTES]
        at += NONCE_BYTES
        sealed.append(header + nonce + cipher.encrypt(nonce, value, header + aad))
    return sealed


def open_sealed(cipher: ValueCipher, blob: bytes, *, aad: bytes) -> bytes:
    """Decrypts a value of the place that `aad` names.

    Raises TamperedCiphertext when it was altered, cut, moved, or sealed under another key, and UnknownSuite
    when this release or this key cannot read its format.
    """
    header = blob[:2]
    if header != _HEADERS[cipher.suite]:
        raise UnknownSuite if len(blob) >= OVERHEAD_BYTES else TamperedCiphertext
    try:
        return cipher.decrypt(blob[2:_SEALED_FROM], blob[_SEALED_FROM:], header + aad)
    except (AuthenticationFailed, ValueError):
        raise TamperedCiphertext from None


@lru_cache(maxsize=1024)
def place_prefixes(*, tenant_key: int) -> dict[int, tuple[bytes, bytes]]:
    """By suite: the two bytes a sealed value begins with, and what the tag covers before subject ‖ class ‖ token."""
    return {suite: (header, header + tenant_key.to_bytes(4, "big")) for suite, header in _HEADERS.items()}


@lru_cache(maxsize=1024)
def place_opener(*, tenant_key: int) -> Callable[[ValueCipher, bytes, int, int, int], bytes]:
    """`open_sealed` for packed rows of one tenant: (cipher, data, where the place begins, where the blob, its end).

    The place in `data` is subject ‖ class ‖ token, as `value_aad` packs them after the tenant. Raises the same errors.
    """
    prefixes = place_prefixes(tenant_key=tenant_key)

    def open_value(cipher: ValueCipher, data: bytes, place: int, start: int, end: int) -> bytes:
        header, prefix = prefixes[cipher.suite]
        body = start + _SEALED_FROM
        if data[start : start + 2] != header or end < body:
            raise UnknownSuite if end - start >= OVERHEAD_BYTES else TamperedCiphertext
        try:
            return cipher.decrypt(data[start + 2 : body], data[body:end], prefix + data[place : place + _PLACE_BYTES])
        except (AuthenticationFailed, ValueError):
            raise TamperedCiphertext from None

    return open_value
