"""What a worker remembers between requests: tenants and blind-index states. No values, no DEKs."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pii_vault import store
from pii_vault.core.blind_index import BlindIndexer, VersionedIndexer
from pii_vault.errors import TenantRefused
from pii_vault.keys.versions import IndexVersions

if TYPE_CHECKING:
    import asyncpg

    from pii_vault.keys.service import KeyService

INDEX_VERSION = 1  # of a tenant's first index key
TENANT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class TenantRow:
    key: int
    active: bool
    index_versions: IndexVersions


class Tenants:
    """Tenant id → its database key. A suspended or unknown tenant is refused within TENANT_SECONDS."""

    def __init__(self, pool: "asyncpg.Pool", *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._monotonic = monotonic
        self._known: dict[str, tuple[float, TenantRow]] = {}

    async def key(self, tenant: str) -> int:
        """The database key of an active tenant. Raises TenantRefused, StoreUnavailable."""
        return (await self._row(tenant)).key

    async def index_versions(self, tenant: str) -> IndexVersions:
        """Under which index keys an active tenant's digests are written and looked for, not older than TENANT_SECONDS.

        Raises:
            TenantRefused, StoreUnavailable.
        """
        return (await self._row(tenant)).index_versions

    async def _row(self, tenant: str) -> TenantRow:
        now = self._monotonic()
        known = self._known.get(tenant)
        if known is None or known[0] < now:
            rows = await store.fetch(self._pool, store.FETCH_TENANT, tenant)
            if not rows:
                # Unknown ids are not remembered: a caller could fill the memory with invented ones.
                self._known.pop(tenant, None)
                raise TenantRefused
            key, status, *versions = rows[0]
            known = (now + TENANT_SECONDS, TenantRow(key, status == "active", IndexVersions(*versions)))
            self._known[tenant] = known
        if not known[1].active:
            raise TenantRefused("The tenant is suspended. Ask the operator of the vault.")
        return known[1]


class IndexKeys:
    """(tenant, class) → prepared HMAC states of the index keys that the tenant's row names."""

    def __init__(self, keys: "KeyService", tenants: Tenants) -> None:
        self._keys = keys
        self._tenants = tenants
        self._known: dict[tuple[str, str], tuple[IndexVersions, VersionedIndexer]] = {}

    async def get(self, tenant: str, class_id: str, versions: IndexVersions | None = None) -> VersionedIndexer:
        """`versions` where several classes of one act must be written under the same; else as the row says now.

        Raises:
            TenantRefused, UnknownTenantKey, KeyServiceUnavailable, StoreUnavailable.
        """
        if versions is None:
            versions = await self._tenants.index_versions(tenant)
        known = self._known.get((tenant, class_id))
        if known is None or known[0] != versions:
            others = [
                BlindIndexer(await self._keys.index_key(tenant, class_id, version))
                for version in versions.searched
                if version != versions.writes
            ]
            written = BlindIndexer(await self._keys.index_key(tenant, class_id, versions.writes))
            known = (versions, VersionedIndexer(versions.writes, written, others))
            self._known[tenant, class_id] = known
        return known[1]
