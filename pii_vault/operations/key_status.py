"""Where every tenant's keys are in their life, and which step is next."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pii_vault import store
from pii_vault.errors import NotFound, UnknownTenantKey
from pii_vault.keys.contexts import IDENTITY_TENANT
from pii_vault.keys.versions import KINDS, Kind, Versions
from pii_vault.operations.rotate import COLUMNS
from pii_vault.operations.wrapped import count_by_version
from pii_vault.vault import Vault

_TENANTS: Final = """
SELECT id, key, kek_rotated, kek_trimmed, index_rotated, index_trimmed, index_writes, index_newest
FROM tenant WHERE $1::text IS NULL OR id = $1 ORDER BY id
"""
_PROGRESS: Final = "SELECT tenant, target, done, finished FROM rewrap_progress"


@dataclass(slots=True)
class KindStatus:
    """`rows` by table and version; `older` lie under less than the newest; `lost` name a version that opens nothing."""

    kind: Kind
    versions: Versions
    rows: dict[str, dict[int, int]]
    rotated: datetime | None = None
    trimmed: datetime | None = None
    half_rotated: bool = False  # an index version that is searched and not written yet
    older: int = 0
    lost: int = 0

    @property
    def next(self) -> str:
        if self.lost:
            return "restore the key service: rows name versions that it does not hold"
        if self.half_rotated:
            return "rotate"
        if self.older:
            return "rewrap" if self.kind == "kek" else "reindex"
        return "trim" if self.versions.oldest < self.versions.current else ""


@dataclass(slots=True)
class TenantStatus:
    tenant: str
    kinds: list[KindStatus] = field(default_factory=list)
    rewrapping: dict[str, int] | None = None  # {"target": …, "done": …} of a run that has not finished

    @property
    def ok(self) -> bool:
        """Every row can be opened."""
        return not any(kind.lost for kind in self.kinds)


async def tenant_ids(vault: Vault) -> list[str]:
    """All shops, and the reserved tenant under whose KEK the identity part's own key lies."""
    return [row[0] for row in await store.fetch(vault.pool, _TENANTS, None)] + [IDENTITY_TENANT]


async def key_status(vault: Vault, tenant: str | None = None) -> list[TenantStatus]:
    """Of one tenant, or of all. Counts rows, which reads the tables once.

    Raises:
        NotFound, KeyServiceUnavailable, StoreUnavailable.
    """
    found: dict[str, Any] = {row[0]: row for row in await store.fetch(vault.pool, _TENANTS, tenant)}
    if tenant in {None, IDENTITY_TENANT}:
        found[IDENTITY_TENANT] = None
    if not found:
        raise NotFound(f"there is no tenant {tenant}")
    counts = {kind: await count_by_version(vault, COLUMNS[kind]) for kind in KINDS}
    progress = {row[0]: row for row in await store.fetch(vault.pool, _PROGRESS) if row[3] is None}
    told = []
    for name, row in found.items():
        status = TenantStatus(name)
        run = progress.get(name)
        status.rewrapping = {"target": run[1], "done": run[2]} if run is not None else None
        for kind in KINDS if row is not None else ("kek",):
            one = await _of_kind(vault, name, row, kind, counts[kind])
            if one is not None:
                status.kinds.append(one)
        if status.kinds:
            told.append(status)
    return told


async def _of_kind(vault: Vault, tenant: str, row: Any, kind: Kind, counts: dict[Any, Any]) -> KindStatus | None:
    """None for the identity part before its first start: it has no keys yet."""
    try:
        versions = await vault.keys.versions(tenant, kind)
    except UnknownTenantKey:
        if row is None:
            return None
        versions = Versions(0, 1, 0)  # a database without its key service: all its rows are lost
    owner = row["key"] if row is not None else None
    rows = {table: dict(found) for (table, tenant_key), found in counts.items() if tenant_key == owner}
    each = [(version, number) for found in rows.values() for version, number in found.items()]
    return KindStatus(
        kind,
        versions,
        rows,
        rotated=row[f"{kind}_rotated"] if row is not None else None,
        trimmed=row[f"{kind}_trimmed"] if row is not None else None,
        half_rotated=kind == "index" and max(row["index_newest"], versions.current) > row["index_writes"],
        older=sum(number for version, number in each if version < versions.current),
        lost=sum(number for version, number in each if not versions.opens(version)),
    )
