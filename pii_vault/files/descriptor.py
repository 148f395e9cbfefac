"""What is kept beside a file, sealed under its subject's key: the file's own key and size, its kind and name."""

from typing import Final

import msgspec

from pii_vault.core.chunks import CHUNK_BYTES
from pii_vault.core.envelope import open_sealed, seal, value_aad
from pii_vault.core.primitives import ValueCipher
from pii_vault.errors import TamperedCiphertext

_PLACE: Final = b"file"  # the row's value is sealed for the same token: neither opens in the other's stead


class Label(msgspec.Struct, frozen=True, rename={"media_type": "type"}):
    """What a reveal of the file's token gives: never its key. `name` is the sender's, and may name a person."""

    media_type: str
    size: int
    name: str = ""


class Descriptor(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """Version 1: AES-256-GCM in chunks of core/chunks.py."""

    key: bytes
    size: int
    version: int = 1
    chunk: int = CHUNK_BYTES

    def __repr__(self) -> str:
        return f"Descriptor(version={self.version})"


class Place(msgspec.Struct, frozen=True):
    tenant_key: int
    subject: bytes
    class_key: int
    token: bytes

    @property
    def aad(self) -> bytes:
        """The value's place, and that this is not the value."""
        place = value_aad(tenant_key=self.tenant_key, subject=self.subject, class_key=self.class_key, token=self.token)
        return place + _PLACE


def seal_descriptor(cipher: ValueCipher, descriptor: Descriptor, place: Place) -> bytes:
    return seal(cipher, msgspec.msgpack.encode(descriptor), aad=place.aad)


def open_descriptor(cipher: ValueCipher, sealed: bytes, place: Place) -> Descriptor:
    """Raises TamperedCiphertext."""
    plain = open_sealed(cipher, sealed, aad=place.aad)
    try:
        descriptor = msgspec.msgpack.decode(plain, type=Descriptor)
    except msgspec.DecodeError:
        raise TamperedCiphertext from None
    if descriptor.version != 1 or descriptor.chunk != CHUNK_BYTES:
        raise TamperedCiphertext("This file was sealed by a newer release: update the vault.")
    return descriptor
