"""The embedded key service: a keyring file on this machine, opened by a passphrase or a token at start.

Several processes may share one file. A change is made under a lock, against what the file says then. A process looks
for a change of the file once a second, and whenever it meets a tenant or version that it does not know.
"""

import asyncio
import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pii_vault.core.primitives import AesGcmCipher, new_key, public_key, sign
from pii_vault.errors import (
    BrokenKeyring,
    KeyringExists,
    KeyServiceUnavailable,
    TenantKeyExists,
    UnknownTenantKey,
    VaultError,
)
from pii_vault.keys import keyring_file
from pii_vault.keys.keyring_file import Kdf, KeyringFile, TenantEntry, TokenKey
from pii_vault.keys.root_seal import DEFAULT_WORK_FACTOR, PassphraseSeal, RootSeal
from pii_vault.keys.service import WrappedKey
from pii_vault.keys.tenant_keys import TenantKeys
from pii_vault.keys.versions import FIRST, Kind, Versions

T = TypeVar("T")
logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0  # how long a process may go on under a version that another process has replaced


def create_local_keyring(path: Path, seal: str | RootSeal, *, work_factor: int = DEFAULT_WORK_FACTOR) -> None:
    """Makes a keyring without tenants. `seal` may be a passphrase. Raises KeyringExists rather than write over one."""
    with _locked(path):
        if path.exists():
            raise KeyringExists
        keyring_file.write(path, _new_file(_as_seal(seal, work_factor)))


class LocalKeyring:
    """KeyService over a keyring file. Opening it proves the passphrase or token, and every key in the file."""

    def __init__(self, path: Path, seal: str | RootSeal) -> None:
        """Raises WrongPassphrase, BrokenKeyring, or KeyServiceUnavailable when the token is away."""
        self._path = path
        stamp = _stamp(path)
        content = keyring_file.read(path)
        self._seal = _as_seal(seal)
        self._root_key = self._seal.open(content.header, content.root)
        self._root = AesGcmCipher(self._root_key)
        self._audit_key = keyring_file.open_key(self._root, content.audit, place="audit")
        self._checkpoint_seed = keyring_file.open_key(self._root, content.checkpoint, place="checkpoint")
        self._tenants = self._open_tenants(content)
        self._serial = content.serial
        self._stamp = stamp
        self._looked = time.monotonic()
        if content.retiring:
            self._go_on_retiring()

    @property
    def serial(self) -> int:
        """Rises with each change of the file: what to write on a copy of it."""
        return self._serial

    async def generate(self, tenant: str, contexts: Sequence[bytes]) -> list[tuple[bytes, WrappedKey]]:
        """A file that is gone stops it: what would be wrapped now nobody could open tomorrow."""
        return (await self._tenant(tenant, strict=True)).generate(contexts)

    async def unwrap(self, tenant: str, wrapped: Sequence[tuple[bytes, WrappedKey]]) -> list[bytes]:
        return await self._held(tenant, lambda keys: keys.unwrap(wrapped))

    async def rewrap(self, tenant: str, wrapped: Sequence[tuple[bytes, WrappedKey]]) -> list[WrappedKey]:
        await self._tenant(tenant, strict=True)
        return await self._held(tenant, lambda keys: keys.rewrap(wrapped))

    async def index_key(self, tenant: str, class_id: str, version: int) -> bytes:
        return await self._held(tenant, lambda keys: keys.index_key(class_id, version))

    async def audit_key(self) -> bytes:
        return self._audit_key

    async def sign_checkpoint(self, message: bytes) -> bytes:
        return sign(self._checkpoint_seed, message)

    def checkpoint_public_key(self) -> bytes:
        return public_key(self._checkpoint_seed)

    async def create_tenant(self, tenant: str) -> None:
        def change(content: KeyringFile) -> None:
            if tenant in content.tenants:
                raise TenantKeyExists
            content.tenants[tenant] = TenantEntry(
                kek={FIRST: self._new_sealed(tenant, "kek", FIRST)}, index={FIRST: self._new_sealed(tenant, "index", 1)}
            )

        await self._change(change)

    async def versions(self, tenant: str, kind: Kind) -> Versions:
        return (await self._tenant(tenant, reread=True, strict=True)).versions(kind)

    async def rotate(self, tenant: str, kind: Kind) -> int:
        def change(content: KeyringFile) -> None:
            held = _entry(content, tenant).held(kind)
            version = max(held) + 1
            held[version] = self._new_sealed(tenant, kind, version)

        await self._change(change)
        return (await self._tenant(tenant)).versions(kind).current

    async def raise_minimum(self, tenant: str, kind: Kind, version: int) -> None:
        def change(content: KeyringFile) -> None:
            entry = _entry(content, tenant)
            self._open_tenant(tenant, entry).check_minimum(kind, version)
            entry.minimum[kind] = version

        await self._change(change)

    async def trim(self, tenant: str, kind: Kind) -> Versions:
        """With a token it also ends every older copy of the file: what sealed their root is destroyed.

        The file says what is to be destroyed before it is, so that a crash in between is made good at the next start
        or trim.
        """

        def change(content: KeyringFile) -> None:
            entry = _entry(content, tenant)
            held = entry.held(kind)
            for version in [each for each in held if each < entry.minimum.get(kind, FIRST)]:
                del held[version]
            if self._seal.renews:
                if content.token is not None:
                    content.retiring.append(content.token.key)
                header, content.root = self._seal.seal(self._root_key)
                content.token = header if isinstance(header, TokenKey) else None

        await self._change(change)
        await asyncio.to_thread(self._destroy_retired)
        return (await self._tenant(tenant)).versions(kind)

    async def ready(self) -> None:
        """The file must still be there: without it the keys would die with this process."""
        try:
            await asyncio.to_thread(self._reload_if_changed)
        except BrokenKeyring as error:
            raise KeyServiceUnavailable(error.detail) from error

    async def _held(self, tenant: str, use: Callable[[TenantKeys], T]) -> T:
        """With the keys that are in memory; with those of the file when a version is not among them."""
        try:
            return use(await self._tenant(tenant))
        except UnknownTenantKey:
            return use(await self._tenant(tenant, reread=True))

    async def _tenant(self, tenant: str, *, reread: bool = False, strict: bool = False) -> TenantKeys:
        keys = self._tenants.get(tenant)
        if keys is None or reread or self._looked + LOOK_SECONDS < time.monotonic():
            try:
                await asyncio.to_thread(self._reload_if_changed)
                self._looked = time.monotonic()
            except BrokenKeyring:
                if keys is None or strict:
                    raise
            keys = self._tenants.get(tenant)
        if keys is None:
            raise UnknownTenantKey
        return keys

    def _reload_if_changed(self) -> None:
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            content = keyring_file.read(self._path)
            self._tenants = self._open_tenants(content)
            self._serial = content.serial
            self._stamp = stamp

    async def _change(self, change: Callable[[KeyringFile], None]) -> None:
        await asyncio.to_thread(self._changed, change)

    def _changed(self, change: Callable[[KeyringFile], None]) -> None:
        """Applies a change to what the file says now, proves the result, and puts it in the file's place."""
        with _locked(self._path):
            content = keyring_file.read(self._path)
            change(content)
            content.format = keyring_file.FORMAT
            content.serial += 1
            tenants = self._open_tenants(content)
            keyring_file.write(self._path, content)
            self._tenants, self._serial, self._stamp = tenants, content.serial, _stamp(self._path)

    def _destroy_retired(self) -> None:
        """Raises KeyServiceUnavailable, and what was not destroyed stays on the list."""
        labels = keyring_file.read(self._path).retiring
        for label in labels:
            self._seal.retire(TokenKey(key=label))

        def forget(content: KeyringFile) -> None:
            content.retiring = [label for label in content.retiring if label not in labels]

        if labels:
            self._changed(forget)

    def _go_on_retiring(self) -> None:
        """A trim was cut off between the file and the token. Where this process may not write, another will do it."""
        try:
            self._destroy_retired()
        except (VaultError, OSError) as error:
            logger.warning("a trim's old token key is still there (%s): older copies open", type(error).__name__)

    def _new_sealed(self, tenant: str, kind: Kind, version: int) -> str:
        return keyring_file.seal_key(self._root, new_key(), place=_place(tenant, kind, version))

    def _open_tenants(self, content: KeyringFile) -> dict[str, TenantKeys]:
        return {tenant: self._open_tenant(tenant, entry) for tenant, entry in content.tenants.items()}

    def _open_tenant(self, tenant: str, entry: TenantEntry) -> TenantKeys:
        def opened(kind: Kind, version: int, sealed: str) -> bytes:
            return keyring_file.open_key(self._root, sealed, place=_place(tenant, kind, version))

        return TenantKeys(
            tenant,
            {version: AesGcmCipher(opened("kek", version, sealed)) for version, sealed in entry.kek.items()},
            {version: opened("index", version, sealed) for version, sealed in entry.index.items()},
            entry.minimum,
        )


def _as_seal(seal: str | RootSeal, work_factor: int = DEFAULT_WORK_FACTOR) -> RootSeal:
    return PassphraseSeal(seal, work_factor=work_factor) if isinstance(seal, str) else seal


def _new_file(seal: RootSeal) -> KeyringFile:
    root = new_key()
    header, sealed = seal.seal(root)
    under_root = AesGcmCipher(root)
    return KeyringFile(
        kdf=header if isinstance(header, Kdf) else None,
        token=header if isinstance(header, TokenKey) else None,
        root=sealed,
        audit=keyring_file.seal_key(under_root, new_key(), place="audit"),
        checkpoint=keyring_file.seal_key(under_root, new_key(), place="checkpoint"),
        tenants={},
    )


def _entry(content: KeyringFile, tenant: str) -> TenantEntry:
    try:
        return content.tenants[tenant]
    except KeyError:
        raise UnknownTenantKey from None


def _place(tenant: str, kind: Kind, version: int) -> str:
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
