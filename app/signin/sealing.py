"""Secrets that must rest outside this process: sealed under keys derived from the cookie secret file."""

import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE: Final = 12
_MIN_SECRET: Final = 32


class SealBroken(Exception):
    """A sealed text was altered, moved, or sealed under another secret."""


class Sealer:
    """AES-256-GCM under a key of its own per `use`; what is sealed is bound to its `context`."""

    def __init__(self, secret: bytes, *, use: str) -> None:
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"larets/app/{use}/1".encode()).derive(secret)
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, *, context: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, plain, context)

    def open(self, sealed: bytes, *, context: bytes) -> bytes:
        """Raises SealBroken unless `seal` made this with the same secret, use and context."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], context)
        except (InvalidTag, ValueError) as error:
            raise SealBroken from error


def read_secret(path: Path) -> bytes:
    """The cookie secret. Raises ValueError when the file is too short to be one."""
    secret = path.read_bytes().strip()
    if len(secret) < _MIN_SECRET:
        message = f"the cookie secret file must hold at least {_MIN_SECRET} random bytes"
        raise ValueError(message)
    return secret
