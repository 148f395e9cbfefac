"""The embedded key service: a keyring file on this machine, opened by a passphrase at start.

Several processes may share one file. A change is made under a lock, against what the file says then; a
process that meets a tenant or version it does not know re-reads the file before it says so.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pii_vault.core.primitives import AesGcmCipher, new_key, public_key, sign
from pii_vault.errors import (
    BrokenKeyring,
    KeyringExists,
    KeyServiceUnavailable,
    TenantKeyExists,
    UnknownTenantKey,
)
from pii_vault.keys import keyring_file
from pii_vault.keys.keyring_file import KeyringFile, TenantEntry
from pii_vault.keys.service import WrappedKey
from pii_vault.keys.tenant_keys import TenantKeys

DEFAULT_WORK_FACTOR = 16  # scrypt with N = 2^16, r = 8: 64 MiB and some 0.2 s, once per process


def create_local_keyring(path: Path, passphrase: str, *, work_factor: int = DEFAULT_WORK_FACTOR) -> None:
    """Makes a keyring without tenants. Raises KeyringExists rather than write over one."""
    with _locked(path):
        if path.exists():
            raise KeyringExists
        keyring_file.write(path, keyring_file.new_file(passphrase, work_factor=work_factor))


class LocalKeyring:
    """KeyService over a keyring file. Opening it proves the passphrase and every key in the file."""

    def __init__(self, path: Path, passphrase: str) -> None:
        """Raises WrongPassphrase or BrokenKeyring."""
        self._path = path
        stamp = _stamp(path)
        content = keyring_file.read(path)
        self._root = keyring_file.open_root(content, passphrase)
        self._audit_key = keyring_file.open_key(self._root, content.audit, place="audit")
        self._checkpoint_seed = keyring_file.open_key(self._root, content.checkpoint, place="checkpoint")
        self._tenants = self._open_tenants(content)
        self._stamp = stamp

    async def generate(self, tenant: str, contexts: Sequence[bytes]) -> list[tuple[bytes, WrappedKey]]:
        return (await self._tenant(tenant)).generate(contexts)

    async def unwrap(self, tenant: str, wrapped: Sequence[tuple[bytes, WrappedKey]]) -> list[bytes]:
        try:
            return (await self._tenant(tenant)).unwrap(wrapped)
        except UnknownTenantKey:
            return (await self._tenant(tenant, reread=True)).unwrap(wrapped)

    async def index_key(self, tenant: str, class_id: str, version: int) -> bytes:
        try:
            return (await self._tenant(tenant)).index_key(class_id, version)
        except UnknownTenantKey:
            return (await self._tenant(tenant, reread=True)).index_key(class_id, version)

    async def audit_key(self) -> bytes:
        return self._audit_key

    async def sign_checkpoint(self, message: bytes) -> bytes:
        return sign(self._checkpoint_seed, message)

    def checkpoint_public_key(self) -> bytes:
        return public_key(self._checkpoint_seed)

    async def create_tenant(self, tenant: str) -> None:
        await asyncio.to_thread(self._create_tenant, tenant)

    async def ready(self) -> None:
        """The file must still be there: without it the keys would die with this process."""
        try:
            await asyncio.to_thread(_stamp, self._path)
        except BrokenKeyring as error:
            raise KeyServiceUnavailable(error.detail) from error

    async def _tenant(self, tenant: str, *, reread: bool = False) -> TenantKeys:
        keys = self._tenants.get(tenant)
        if keys is None or reread:
            await asyncio.to_thread(self._reload_if_changed)
            keys = self._tenants.get(tenant)
        if keys is None:
            raise UnknownTenantKey
        return keys

    def _reload_if_changed(self) -> None:
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            self._tenants = self._open_tenants(keyring_file.read(self._path))
            self._stamp = stamp

    def _create_tenant(self, tenant: str) -> None:
        with _locked(self._path):
            content = keyring_file.read(self._path)
            if tenant in content.tenants:
                raise TenantKeyExists
            content.tenants[tenant] = TenantEntry(
                kek={1: keyring_file.seal_key(self._root, new_key(), place=_place(tenant, "kek", 1))},
                index={1: keyring_file.seal_key(self._root, new_key(), place=_place(tenant, "index", 1))},
            )
            tenants = self._open_tenants(content)
            keyring_file.write(self._path, content)
            self._tenants = tenants
            self._stamp = _stamp(self._path)

    def _open_tenants(self, content: KeyringFile) -> dict[str, TenantKeys]:
        return {tenant: self._open_tenant(tenant, entry) for tenant, entry in content.tenants.items()}

    def _open_tenant(self, tenant: str, entry: TenantEntry) -> TenantKeys:
        def opened(kind: str, version: int, sealed: str) -> bytes:
            return keyring_file.open_key(self._root, sealed, place=_place(tenant, kind, version))

        return TenantKeys(
            tenant,
            {version: AesGcmCipher(opened("kek", version, sealed)) for version, sealed in entry.kek.items()},
            {version: opened("index", version, sealed) for version, sealed in entry.index.items()},
        )


def _place(tenant: str, kind: str, version: int) -> str:
    return f"tenants/{tenant}/{kind}/{version}"


def _stamp(path: Path) -> tuple[int, int]:
    """What changes whenever the file is replaced."""
    try:
        status = path.stat()
    except OSError as error:
        raise BrokenKeyring(f"the keyring {path} cannot be read: {error.strerror}") from error
    return status.st_ino, status.st_mtime_ns


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One writer at a time. The lock is a file beside the keyring, which itself is replaced by each write."""
    try:
        descriptor = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise BrokenKeyring(f"no keyring can be written beside {path}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
