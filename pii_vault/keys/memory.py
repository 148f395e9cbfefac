"""A key service that forgets everything when the process ends: for tests and `pii_vault.testing`."""

from collections.abc import Sequence
from dataclasses import replace

from pii_vault.core.primitives import AesGcmCipher, new_key, public_key, sign
from pii_vault.errors import KeyServiceUnavailable, TenantKeyExists, UnknownTenantKey
from pii_vault.keys.service import WrappedKey
from pii_vault.keys.tenant_keys import TenantKeys
from pii_vault.keys.versions import Kind, Versions


class MemoryKeyService:
    """Passes the same contract suite as the real ones. `available = False` plays an outage."""

    def __init__(self) -> None:
        self.available = True
        self._tenants: dict[str, TenantKeys] = {}
        self._audit_key = new_key()
        self._checkpoint_seed = new_key()

    async def generate(self, tenant: str, contexts: Sequence[bytes]) -> list[tuple[bytes, WrappedKey]]:
        return self._tenant(tenant).generate(contexts)

    async def unwrap(self, tenant: str, wrapped: Sequence[tuple[bytes, WrappedKey]]) -> list[bytes]:
        return self._tenant(tenant).unwrap(wrapped)

    async def rewrap(self, tenant: str, wrapped: Sequence[tuple[bytes, WrappedKey]]) -> list[WrappedKey]:
        return self._tenant(tenant).rewrap(wrapped)

    async def index_key(self, tenant: str, class_id: str, version: int) -> bytes:
        return self._tenant(tenant).index_key(class_id, version)

    async def audit_key(self) -> bytes:
        await self.ready()
        return self._audit_key

    async def sign_checkpoint(self, message: bytes) -> bytes:
        await self.ready()
        return sign(self._checkpoint_seed, message)

    def checkpoint_public_key(self) -> bytes:
        return public_key(self._checkpoint_seed)

    async def create_tenant(self, tenant: str) -> None:
        await self.ready()
        if tenant in self._tenants:
            raise TenantKeyExists
        self._tenants[tenant] = TenantKeys(tenant, {1: AesGcmCipher(new_key())}, {1: new_key()})

    async def versions(self, tenant: str, kind: Kind) -> Versions:
        return self._tenant(tenant).versions(kind)

    async def rotate(self, tenant: str, kind: Kind) -> int:
        keys = self._tenant(tenant)
        version = keys.versions(kind).current + 1
        if kind == "kek":
            self._tenants[tenant] = replace(keys, keks={**keys.keks, version: AesGcmCipher(new_key())})
        else:
            self._tenants[tenant] = replace(keys, index_roots={**keys.index_roots, version: new_key()})
        return version

    async def raise_minimum(self, tenant: str, kind: Kind, version: int) -> None:
        keys = self._tenant(tenant)
        keys.check_minimum(kind, version)
        self._tenants[tenant] = replace(keys, minimums={**keys.minimums, kind: version})

    async def trim(self, tenant: str, kind: Kind) -> Versions:
        keys = self._tenant(tenant)
        minimum = keys.versions(kind).minimum
        self._tenants[tenant] = (
            replace(keys, keks={version: kek for version, kek in keys.keks.items() if version >= minimum})
            if kind == "kek"
            else replace(keys, index_roots={each: key for each, key in keys.index_roots.items() if each >= minimum})
        )
        return await self.versions(tenant, kind)

    async def ready(self) -> None:
        if not self.available:
            raise KeyServiceUnavailable

    def _tenant(self, tenant: str) -> TenantKeys:
        if not self.available:
            raise KeyServiceUnavailable
        try:
            return self._tenants[tenant]
        except KeyError:
            raise UnknownTenantKey from None
