"""A key service that forgets everything when the process ends: for tests and `pii_vault.testing`."""

from collections.abc import Sequence

from pii_vault.core.primitives import AesGcmCipher, new_key, public_key, sign
from pii_vault.errors import KeyServiceUnavailable, TenantKeyExists, UnknownTenantKey
from pii_vault.keys.service import WrappedKey
from pii_vault.keys.tenant_keys import TenantKeys


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
