"""The only calls of AEAD, HKDF, HMAC, scrypt and Ed25519 in the vault. Everything else names these.

Suites are a port: another suite (a certified ГОСТ module) is another class with the same two methods and
its own byte, listed in SUITES.
"""

import os
from collections.abc import Callable
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
SUITE_AES_256_GCM: Final = 1

AuthenticationFailed = InvalidTag


class ValueCipher(Protocol):
    """A keyed AEAD. Holds the prepared key schedule, so that one object serves many values of one key."""

    @property
    def suite(self) -> int: ...

    @property
    def encrypt(self) -> Callable[[bytes, bytes, bytes], bytes]:
        """(nonce, plaintext, aad) → ciphertext ‖ tag."""

    @property
    def decrypt(self) -> Callable[[bytes, bytes, bytes], bytes]:
        """(nonce, ciphertext ‖ tag, aad) → plaintext. Raises AuthenticationFailed."""


class AesGcmCipher:
    """AES-256-GCM. The bound methods of the compiled object are kept, so a call costs no Python frame."""

    __slots__ = ("decrypt", "encrypt", "suite")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes")
        cipher = AESGCM(key)
        self.suite = SUITE_AES_256_GCM
        self.encrypt: Callable[[bytes, bytes, bytes], bytes] = cipher.encrypt
        self.decrypt: Callable[[bytes, bytes, bytes], bytes] = cipher.decrypt


def new_key() -> bytes:
    """A random key of 256 bits."""
    return os.urandom(KEY_BYTES)


def derive_key(key: bytes, label: bytes) -> bytes:
    """HKDF-Expand-SHA256 (RFC 5869): a sub-key of a uniformly random key. The label separates its use."""
    return HKDFExpand(algorithm=hashes.SHA256(), length=KEY_BYTES, info=label).derive(key)


def keyed_hash_state(key: bytes) -> hmac.HMAC:
    """HMAC-SHA256 with its key already absorbed. Copy it for each message; never finalise the original."""
    return hmac.HMAC(key, hashes.SHA256())


def keyed_hash(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256 of one message."""
    state = keyed_hash_state(key)
    state.update(message)
    return state.finalize()


def key_from_passphrase(passphrase: bytes, *, salt: bytes, work_factor: int) -> bytes:
    """Scrypt (RFC 7914) with N = 2^work_factor, r = 8, p = 1."""
    return Scrypt(salt=salt, length=KEY_BYTES, n=1 << work_factor, r=8, p=1).derive(passphrase)


def sign(seed: bytes, message: bytes) -> bytes:
    """Ed25519 (RFC 8032) under the private key of this 32-byte seed."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def public_key(seed: bytes) -> bytes:
    """The raw Ed25519 public key of a seed."""
    private = Ed25519PrivateKey.from_private_bytes(seed)
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def signature_holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this is the Ed25519 signature of the message under a raw public key."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
