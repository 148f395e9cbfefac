"""The engine's own passphrase encryption of configuration, done here for many values at once.

Its format, version 1: AES-256-GCM under PBKDF2-HMAC-SHA256 of the passphrase with the stack's salt; `encryptionsalt` in
the stack's file holds the salt and a sealed word that proves the passphrase. One start of the engine per value would
take a minute for a contour; where the format is another one, the caller falls back to that.
"""

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from scripts.env.errors import OtherPassphrase

ROUNDS: Final = 1_000_000
KEY_BYTES, NONCE_BYTES = 32, 12


class OtherFormat(Exception):
    """The stack's salt is not of the known format, or a value was not sealed by it."""


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals and opens values of one stack."""

    cipher: AESGCM

    def seal(self, value: str) -> str:
        nonce = os.urandom(NONCE_BYTES)
        sealed = self.cipher.encrypt(nonce, value.encode(), None)
        return f"v1:{base64.b64encode(nonce).decode()}:{base64.b64encode(sealed).decode()}"

    def open(self, text: str) -> str:
        """Raises OtherFormat."""
        try:
            version, nonce, sealed = text.split(":")
            plain = self.cipher.decrypt(_decoded(nonce), _decoded(sealed), None)
        except (ValueError, InvalidTag) as error:
            raise OtherFormat from error
        if version != "v1":
            raise OtherFormat
        return plain.decode()


def sealer(encryption_salt: str, passphrase: str) -> Sealer:
    """Raises OtherFormat, OtherPassphrase."""
    try:
        version, salt, proof = encryption_salt.split(":", 2)
        key = hashlib.pbkdf2_hmac("sha256", passphrase.encode(), _decoded(salt), ROUNDS, KEY_BYTES)
    except ValueError as error:
        raise OtherFormat from error
    if version != "v1":
        raise OtherFormat
    made = Sealer(AESGCM(key))
    try:
        made.open(proof)
    except OtherFormat as error:
        raise OtherPassphrase from error
    return made


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError from error
