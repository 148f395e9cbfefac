"""Rotate, and trim: the two ends of a key's life. What lies between is rewrap.py, or re-indexing.

    rotate → re-wrap → (raise the minimums, destroy) trim

Each step is recorded before and after: the key service is outside the database, so an act that was interrupted shows
as an intent without a result, and repeating the step finishes it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import asyncpg

from pii_vault import store
from pii_vault.errors import KeyStepRefused
from pii_vault.keys.contexts import IDENTITY_TENANT
from pii_vault.keys.versions import IndexVersions, Kind, Versions
from pii_vault.operations.caches import TENANT_SECONDS
from pii_vault.operations.rewrap import operator_entry, tenant_key_of
from pii_vault.operations.wrapped import count_by_version
from pii_vault.vault import Vault

# Every worker has read the tenant's row anew after this long, and has finished what it had planned before.
SETTLE_SECONDS: Final = 2 * TENANT_SECONDS
OPEN_TRANSACTIONS_SECONDS: Final = 60.0
COLUMNS: Final[dict[Kind, str]] = {"kek": "kek_version", "index": "index_version"}

_INDEX_VERSIONS: Final = "SELECT index_oldest, index_writes, index_newest FROM tenant WHERE id = $1"
_KEK_ROTATED: Final = "UPDATE tenant SET kek_rotated = now() WHERE id = $1"
_KEK_MINIMUM: Final = "UPDATE tenant SET kek_minimum = $2 WHERE id = $1 AND kek_minimum < $2"
_KEK_TRIMMED: Final = "UPDATE tenant SET kek_trimmed = now() WHERE id = $1"
_INDEX_NEWEST: Final = "UPDATE tenant SET index_newest = $2, index_rotated = now() WHERE id = $1"
_INDEX_WRITES: Final = "UPDATE tenant SET index_writes = $2 WHERE id = $1"
_INDEX_OLDEST: Final = "UPDATE tenant SET index_oldest = $2 WHERE id = $1 AND index_oldest < $2"
_INDEX_TRIMMED: Final = "UPDATE tenant SET index_trimmed = now() WHERE id = $1"
_NEXT_TRANSACTION: Final = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
_OLDEST_TRANSACTION: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Trimmed:
    tenant: str
    kind: Kind
    before: Versions
    after: Versions


def silent(_line: str) -> None:
    """For callers who show no progress."""


async def rotate(vault: Vault, tenant: str, kind: Kind, *, say: Say = silent) -> int:
    """The next version of a tenant's key; returns it. An interrupted rotation is finished, not repeated.

    Raises:
        NotFound, UnknownTenantKey, KeyServiceUnavailable, AuditUnavailable, StoreUnavailable.
    """
    await tenant_key_of(vault, tenant)
    if kind == "index":
        return await _rotate_index(vault, tenant, say)
    await _record(vault, tenant, "rotate", "intent", {"kind": {kind: 1}})
    version = await vault.keys.rotate(tenant, kind)
    await _record(vault, tenant, "rotate", "allow", {"version": {kind: version}}, _KEK_ROTATED, tenant)
    return version


async def _rotate_index(vault: Vault, tenant: str, say: Say) -> int:
    """First every worker searches the new version, and only then is it written: nobody misses what another wrote."""
    if tenant == IDENTITY_TENANT:
        raise KeyStepRefused("the identity part has no index that rotates")
    held = await vault.keys.versions(tenant, "index")
    now = await index_versions(vault, tenant)
    version = held.current
    if version == now.writes:
        await _record(vault, tenant, "rotate", "intent", {"kind": {"index": 1}})
        version = await vault.keys.rotate(tenant, "index")
    if now.newest < version:
        counts = {"version": {"index": version}}
        await _record(vault, tenant, "rotate", "searched", counts, _INDEX_NEWEST, tenant, version)
    say(f"{tenant}: index version {version} is searched; in {SETTLE_SECONDS:.0f} s it will be written")
    await asyncio.sleep(SETTLE_SECONDS)
    await _record(vault, tenant, "rotate", "allow", {"version": {"index": version}}, _INDEX_WRITES, tenant, version)
    return version


async def trim(vault: Vault, tenant: str, kind: Kind, *, say: Say = silent) -> Trimmed:
    """Destroys all versions but the newest. From then on no older backup of the database opens.

    Raises:
        KeyStepRefused: there is nothing older, or a row still names an older version. Nothing was destroyed.
        NotFound, UnknownTenantKey, KeyServiceUnavailable, AuditUnavailable, StoreUnavailable.
    """
    await tenant_key_of(vault, tenant)
    before = await vault.keys.versions(tenant, kind)
    if before.oldest == before.current:
        raise KeyStepRefused(f"{tenant} holds {kind} version {before.current} only; rotate before you trim")
    await _require_none_older(vault, tenant, kind, before.current)
    await _record(vault, tenant, "trim", "intent", {"version": {kind: before.current}})
    await _close(vault, tenant, kind, before.current, say)
    await _require_none_older(vault, tenant, kind, before.current)
    if before.minimum < before.current:
        await vault.keys.raise_minimum(tenant, kind, before.current)
    after = await vault.keys.trim(tenant, kind)
    done = _KEK_TRIMMED if kind == "kek" else _INDEX_TRIMMED
    await _record(vault, tenant, "trim", "allow", {"version": {kind: after.oldest}}, done, tenant)
    return Trimmed(tenant, kind, before, after)


async def index_versions(vault: Vault, tenant: str) -> IndexVersions:
    """What the tenant's row says now, past every cache."""
    return IndexVersions(*(await store.fetch(vault.pool, _INDEX_VERSIONS, tenant))[0])


async def rows_older(vault: Vault, tenant: str, kind: Kind, version: int) -> Counter[str]:
    """How many rows of each table name an older version."""
    owner = None if tenant == IDENTITY_TENANT else await tenant_key_of(vault, tenant)
    older: Counter[str] = Counter()
    for (table, tenant_key), versions in (await count_by_version(vault, COLUMNS[kind])).items():
        if tenant_key == owner:
            older[table] += sum(rows for each, rows in versions.items() if each < version)
    return +older


async def _require_none_older(vault: Vault, tenant: str, kind: Kind, version: int) -> None:
    if kind == "index" and (await index_versions(vault, tenant)).writes < version:
        raise KeyStepRefused(f"{tenant} does not write index version {version} yet; repeat: larets keys rotate")
    older = await rows_older(vault, tenant, kind, version)
    if older:
        where = ", ".join(f"{rows:,} in {table}" for table, rows in sorted(older.items()))
        how = "larets keys rewrap" if kind == "kek" else "larets search reindex"
        raise KeyStepRefused(f"{tenant} still has rows under {kind} versions older than {version}: {where}; run {how}")


async def _close(vault: Vault, tenant: str, kind: Kind, version: int, say: Say) -> None:
    """After this no row can come to name an older version any more.

    For KEKs the database holds that from the commit on, so only transactions that began before have to end. Digests
    are written by what a worker read up to TENANT_SECONDS ago.
    """
    floor = _KEK_MINIMUM if kind == "kek" else _INDEX_OLDEST
    await _record(vault, tenant, "trim", "closed", {"version": {kind: version}}, floor, tenant, version)
    if kind == "index":
        say(f"{tenant}: waiting {SETTLE_SECONDS:.0f} s for what was planned under the older index key")
        await asyncio.sleep(SETTLE_SECONDS)
        return
    next_one = int((await store.fetch(vault.pool, _NEXT_TRANSACTION))[0][0])
    until = time.monotonic() + OPEN_TRANSACTIONS_SECONDS
    while int((await store.fetch(vault.pool, _OLDEST_TRANSACTION))[0][0]) < next_one:
        if time.monotonic() > until:
            raise KeyStepRefused(
                "a transaction is open for more than a minute, and it may hold a key under an older version; "
                "end it (pg_stat_activity shows it) and run the trim again"
            )
        await asyncio.sleep(0.05)


async def _record(
    vault: Vault,
    tenant: str,
    verb: str,
    decision: str,
    counts: dict[str, dict[str, int]],
    *statement: object,
) -> None:
    """A record, and with it one statement on the tenant's row. The identity part has no such row: nothing changes."""
    entry = operator_entry(vault, tenant, verb, decision, counts)
    if not statement:
        await vault.audit.commit(entry)
        return

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(*statement)

    await vault.audit.commit(entry, apply=write)
