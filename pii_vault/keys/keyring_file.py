"""The keyring file: a passphrase or a PKCS#11 token seals a root key, the root key seals every other key.

    {"format": "larets-keyring/2", "serial": 7,
     "kdf": {"name": "scrypt", "work_factor": 16, "salt": …}  or  "token": {"name": "pkcs11", "key": …},
     "root": …, "audit": …, "checkpoint": …,
     "retiring": […]  the token's keys that sealed the root before and are to be destroyed; absent when none is,
     "tenants": {"<tenant>": {"kek": {"1": …}, "index": {"1": …}, "minimum": {"kek": 1}}}}

Each sealed key is base64 of nonce ‖ ciphertext ‖ tag (AES-256-GCM) bound to its place in the file, so keys
cannot be swapped between tenants, kinds or versions. All keys are random: none follows from another. `serial` rises
with each write, so that a copy says how old it is. Format 1, without serial, token and minimums, is read too.
"""

import base64
import binascii
import os
import secrets
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pii_vault.core.primitives import KEY_BYTES, NONCE_BYTES, AesGcmCipher, AuthenticationFailed
from pii_vault.errors import BrokenKeyring
from pii_vault.keys.versions import Kind

FORMAT: Final = "larets-keyring/2"
Version = Annotated[int, Field(ge=1)]
OTHERS_MAY_READ = 0o077


class Kdf(BaseModel):
    """How the passphrase becomes a key. The bound keeps a planted file from eating all memory."""

    model_config = ConfigDict(extra="forbid")
    name: Literal["scrypt"] = "scrypt"
    work_factor: int = Field(ge=10, le=20)
    salt: str


class TokenKey(BaseModel):
    """The root is sealed by the AES key of this label inside a PKCS#11 token, which it never leaves."""

    model_config = ConfigDict(extra="forbid")
    name: Literal["pkcs11"] = "pkcs11"
    key: str = Field(min_length=1, max_length=200)


class TenantEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kek: dict[Version, str] = Field(min_length=1)
    index: dict[Version, str] = Field(min_length=1)
    minimum: dict[Kind, Version] = {}

    def held(self, kind: Kind) -> dict[Version, str]:
        return self.kek if kind == "kek" else self.index


class KeyringFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    format: Literal["larets-keyring/1", "larets-keyring/2"] = FORMAT
    serial: int = Field(default=1, ge=1)
    kdf: Kdf | None = None
    token: TokenKey | None = None
    root: str
    audit: str
    checkpoint: str
    retiring: list[Annotated[str, Field(min_length=1, max_length=200)]] = []
    tenants: dict[str, TenantEntry]

    @model_validator(mode="after")
    def _one_seal(self) -> Self:
        if (self.kdf is None) == (self.token is None):
            raise ValueError("exactly one of kdf and token says how the root is sealed")
        return self

    @property
    def header(self) -> Kdf | TokenKey:
        """How the root is sealed."""
        return self.kdf or self.token  # type: ignore[return-value]  # the validator holds that there is one


def seal_key(cipher: AesGcmCipher, key: bytes, *, place: str) -> str:
    nonce = os.urandom(NONCE_BYTES)
    return encode(nonce + cipher.encrypt(nonce, key, _bound(place)))


def open_key(cipher: AesGcmCipher, sealed: str, *, place: str) -> bytes:
    """Raises BrokenKeyring when the key was altered or stood at another place."""
    blob = decode(sealed)
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
        raise BrokenKeyring(f"the keyring {path} is not of format {FORMAT} (at: {wrong})") from None


def write(path: Path, content: KeyringFile) -> None:
    """Atomic and durable: after a crash the file is the old one or the new one, never half of either."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            left_out = None if content.retiring else {"retiring"}  # so that an older release reads it too
            file.write(content.model_dump_json(indent=1, exclude=left_out).encode())
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


def encode(blob: bytes) -> str:
    return base64.b64encode(blob).decode()


def decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise BrokenKeyring("a key in the keyring is not base64; restore the file") from None


def _bound(place: str) -> bytes:
    return b"larets-keyring/1\0" + place.encode()
