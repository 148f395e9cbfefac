"""The keyring file: a passphrase seals a root key, the root key seals every other key.

    {"format": "larets-keyring/1",
     "kdf": {"name": "scrypt", "work_factor": 16, "salt": …},
     "root": …, "audit": …, "checkpoint": …,
     "tenants": {"<tenant>": {"kek": {"1": …}, "index": {"1": …}}}}

Each sealed key is base64 of nonce ‖ ciphertext ‖ tag (AES-256-GCM) bound to its place in the file, so keys
cannot be swapped between tenants, kinds or versions. All keys are random: none follows from another.
"""

import base64
import binascii
import os
import secrets
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pii_vault.core.primitives import (
    KEY_BYTES,
    NONCE_BYTES,
    AesGcmCipher,
    AuthenticationFailed,
    key_from_passphrase,
    new_key,
)
from pii_vault.errors import BrokenKeyring, WrongPassphrase

Version = Annotated[int, Field(ge=1)]
SALT_BYTES = 16
MIN_PASSPHRASE_CHARS = 12
OTHERS_MAY_READ = 0o077


class Kdf(BaseModel):
    """How the passphrase becomes a key. The bound keeps a planted file from eating all memory."""

    model_config = ConfigDict(extra="forbid")
    name: Literal["scrypt"] = "scrypt"
    work_factor: int = Field(ge=10, le=20)
    salt: str


class TenantEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kek: dict[Version, str] = Field(min_length=1)
    index: dict[Version, str] = Field(min_length=1)


class KeyringFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    format: Literal["larets-keyring/1"] = "larets-keyring/1"
    kdf: Kdf
    root: str
    audit: str
    checkpoint: str
    tenants: dict[str, TenantEntry]


def new_file(passphrase: str, *, work_factor: int) -> KeyringFile:
    """A keyring without tenants. Raises WrongPassphrase when the passphrase is too short to protect it."""
    if len(passphrase) < MIN_PASSPHRASE_CHARS:
        raise WrongPassphrase(f"a passphrase has at least {MIN_PASSPHRASE_CHARS} characters; take a longer one")
    salt = os.urandom(SALT_BYTES)
    root = new_key()
    under_root = AesGcmCipher(root)
    derived = key_from_passphrase(passphrase.encode(), salt=salt, work_factor=work_factor)
    return KeyringFile(
        kdf=Kdf(work_factor=work_factor, salt=base64.b64encode(salt).decode()),
        root=seal_key(AesGcmCipher(derived), root, place="root"),
        audit=seal_key(under_root, new_key(), place="audit"),
        checkpoint=seal_key(under_root, new_key(), place="checkpoint"),
        tenants={},
    )


def open_root(content: KeyringFile, passphrase: str) -> AesGcmCipher:
    """The root key of a file. Raises WrongPassphrase."""
    salt = _decode(content.kdf.salt)
    derived = key_from_passphrase(passphrase.encode(), salt=salt, work_factor=content.kdf.work_factor)
    try:
        return AesGcmCipher(open_key(AesGcmCipher(derived), content.root, place="root"))
    except BrokenKeyring:
        raise WrongPassphrase from None


def seal_key(cipher: AesGcmCipher, key: bytes, *, place: str) -> str:
    nonce = os.urandom(NONCE_BYTES)
    return base64.b64encode(nonce + cipher.encrypt(nonce, key, _bound(place))).decode()


def open_key(cipher: AesGcmCipher, sealed: str, *, place: str) -> bytes:
    """Raises BrokenKeyring when the key was altered or stood at another place."""
    blob = _decode(sealed)
    try:
        key = cipher.decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], _bound(place))
    except (AuthenticationFailed, ValueError):
        raise BrokenKeyring(f"the keyring's key {place} failed authentication; restore the file") from None
    if len(key) != KEY_BYTES:
        raise BrokenKeyring(f"the keyring's key {place} has a wrong length; restore the file")
    return key


def read(path: Path) -> KeyringFile:
    """Raises BrokenKeyring when the file is absent, readable by others, or not a keyring."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & OTHERS_MAY_READ:
                raise BrokenKeyring(f"others may read the keyring {path}; run: chmod 600 {path}")
            return KeyringFile.model_validate_json(file.read())
    except OSError as error:
        raise BrokenKeyring(f"the keyring {path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        # The cause is dropped on purpose: pydantic repeats the input, and the input is sealed keys.
        wrong = ", ".join(".".join(map(str, item["loc"])) for item in error.errors(include_input=False))
        raise BrokenKeyring(f"the keyring {path} is not of format larets-keyring/1 (at: {wrong})") from None


def write(path: Path, content: KeyringFile) -> None:
    """Atomic and durable: after a crash the file is the old one or the new one, never half of either."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.model_dump_json(indent=1).encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise BrokenKeyring("a key in the keyring is not base64; restore the file") from None


def _bound(place: str) -> bytes:
    return b"larets-keyring/1\0" + place.encode()
