"""Re-index: every digest of a tenant goes under the index key that is written now, and every part into its place.

Works while the vault does: old and new are searched meanwhile. In batches: read some values, open them with no
transaction open, write digests and places where the ciphertext is still the same, with the record and the place
reached in one transaction. A run that was killed goes on from there. Afterwards `larets keys trim --kind index`
raises the minimum and destroys the older keys.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from pii_vault import store
from pii_vault.core.classes import normalise
from pii_vault.errors import InvalidRequest, InvalidValue, StoreUnavailable, TamperedCiphertext, UnknownClass
from pii_vault.keys.versions import IndexVersions
from pii_vault.operations.caches import TENANT_SECONDS
from pii_vault.operations.ciphers import load_ciphers, open_row
from pii_vault.operations.parts import FETCH_PLAN, Cut, Plan, places_of
from pii_vault.operations.rewrap import operator_entry, tenant_key_of
from pii_vault.operations.rotate import index_versions
from pii_vault.vault import Vault

BATCH: Final = 500
LOAD: Final = 0.25  # share of the time that a run works
_FIRST: Final = bytes(16)

_PLACE: Final = "SELECT after, done FROM reindex_progress WHERE tenant_key = $1 AND version = $2 AND finished IS NULL"
_BEGIN: Final = """
INSERT INTO reindex_progress (tenant_key, version) VALUES ($1, $2)
ON CONFLICT (tenant_key) DO UPDATE
SET version = excluded.version, after = NULL, done = 0, begun = now(), finished = NULL
"""
_READ: Final = """
SELECT v.token, v.subject, v.class_key, v.retention, ''::"char" AS state, v.ciphertext,
       EXISTS (SELECT FROM mention m WHERE m.token = v.token) AS mentioned FROM pii_value AS v
WHERE v.tenant_key = $1 AND v.token > $2 AND octet_length(v.ciphertext) > 0 ORDER BY v.token LIMIT $3
"""
_DIGESTS: Final = """
UPDATE pii_value AS v SET digest = n.digest, index_version = $2
FROM unnest($3::uuid[], $4::uuid[], $5::bytea[]) AS n(token, digest, ciphertext)
WHERE v.token = n.token AND v.tenant_key = $1 AND v.ciphertext = n.ciphertext
"""
_FORGET: Final = "DELETE FROM search_key WHERE token = ANY($1::uuid[])"
# Only of values that are still the same, held so until the places stand: a correction would leave the old ones.
_SAME: Final = """
SELECT v.token FROM pii_value AS v
JOIN unnest($2::uuid[], $3::bytea[]) AS n(token, ciphertext) ON v.token = n.token AND v.ciphertext = n.ciphertext
WHERE v.tenant_key = $1 FOR SHARE OF v
"""
_REACHED: Final = "UPDATE reindex_progress SET after = $2, done = done + $3 WHERE tenant_key = $1"
_FINISH: Final = "UPDATE reindex_progress SET finished = now() WHERE tenant_key = $1"
_SETTLED: Final = "UPDATE search_plan SET old_bits = NULL WHERE tenant_key = $1 AND made < $2"
_NOW: Final = "SELECT now()"


@dataclass(slots=True)
class Reindexed:
    """What a run did. `damaged` values do not open, or are none of their class any more: they are found by nothing."""

    tenant: str
    version: int
    rows: int = 0
    before: int = 0  # by runs that were interrupted
    damaged: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Target:
    tenant: str
    tenant_key: int
    versions: IndexVersions
    plan: Plan


@dataclass(frozen=True, slots=True)
class _Entry:
    """What one value is found by."""

    row: Any
    digest: bytes | None
    places: list[int]


async def reindex(
    vault: Vault,
    tenant: str,
    *,
    load: float = LOAD,
    batch: int = BATCH,
    settle: float = TENANT_SECONDS,
    progress: Callable[[Reindexed], None] = lambda _state: None,
) -> Reindexed:
    """Repeating it does all again, or what was left. `settle` seconds pass first, until every worker obeys the plan.

    Raises:
        InvalidRequest: a load outside 0 … 1.
        NotFound, KeyServiceUnavailable, AuditUnavailable, StoreUnavailable: run it again; it goes on where it stopped.
    """
    if not 0 < load <= 1:
        raise InvalidRequest("the load is a share of the time: more than 0, at most 1")
    tenant_key = await tenant_key_of(vault, tenant)
    begun = (await store.fetch(vault.pool, _NOW))[0][0]
    plan: dict[int, dict[str, Cut]] = {}
    for class_key, kind, bits, old in await store.fetch(vault.pool, FETCH_PLAN, tenant_key):
        plan.setdefault(class_key, {})[kind] = Cut(bits, old)
    target = _Target(tenant, tenant_key, await index_versions(vault, tenant), plan)
    state = Reindexed(tenant, target.versions.writes)
    after = await _begin(vault, target, state)
    await asyncio.sleep(settle)
    started = time.monotonic()
    while True:
        began = time.monotonic()
        rows = await store.fetch(vault.pool, _READ, tenant_key, after, batch)
        if not rows:
            break
        await _batch(vault, target, state, rows)
        after = rows[-1][0]
        state.seconds = time.monotonic() - started
        progress(state)
        await asyncio.sleep((time.monotonic() - began) * (1 / load - 1))
    async with store.connection(vault.pool) as connection, connection.transaction():
        await connection.execute(_SETTLED, tenant_key, begun)
        await connection.execute(_FINISH, tenant_key)
    return state


async def _begin(vault: Vault, target: _Target, state: Reindexed) -> bytes:
    """The place where an interrupted run to the same version stopped."""
    rows = await store.fetch(vault.pool, _PLACE, target.tenant_key, state.version)
    if rows:
        state.before = rows[0][1]
        return bytes(rows[0][0]) if rows[0][0] is not None else _FIRST
    async with store.connection(vault.pool) as connection:
        await connection.execute(_BEGIN, target.tenant_key, state.version)
    return _FIRST


async def _batch(vault: Vault, target: _Target, state: Reindexed, rows: Sequence[Any]) -> None:
    entries = await _entries(vault, target, rows)
    state.damaged += len(rows) - len(entries)
    hashed = [each for each in entries if each.digest is not None]
    found = [each for each in entries if each.places]
    tenant_key, version = target.tenant_key, state.version

    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute(
            _DIGESTS,
            tenant_key,
            version,
            [each.row[0] for each in hashed],
            [each.digest for each in hashed],
            [each.row[5] for each in hashed],
        )
        tokens, sealed = [each.row[0] for each in found], [each.row[5] for each in found]
        same = {row[0] for row in await connection.fetch(_SAME, tenant_key, tokens, sealed)} if found else set()
        await connection.execute(_FORGET, [row[0] for row in rows])
        await connection.copy_records_to_table(
            "search_key",
            records=[
                (each.row[0], tenant_key, each.row[2], version, each.places) for each in found if each.row[0] in same
            ],
            columns=["token", "tenant_key", "class_key", "index_version", "places"],
        )
        await connection.execute(_REACHED, tenant_key, rows[-1][0], len(rows))

    counts = {"reindexed": {"value": len(entries)}, "version": {"index": version}}
    try:
        await vault.audit.commit(operator_entry(vault, target.tenant, "reindex", "allow", counts), apply=write)
    except asyncpg.PostgresError as error:
        raise StoreUnavailable from error
    state.rows += len(rows)


async def _entries(vault: Vault, target: _Target, rows: Sequence[Any]) -> list[_Entry]:
    """What each value is found by from now on. One that does not open is left out; it must not hold up the others."""
    ciphers = await load_ciphers(vault, target.tenant, target.tenant_key, {(row[1], row[3]) for row in rows})
    entries = []
    for row in rows:
        cipher = ciphers.get((row[1], row[3]))
        try:
            field_class = vault.classes.by_key(row[2])
            cuts = target.plan.get(field_class.key, {})
            if cipher is None or row[6] or not (field_class.indexed or cuts):  # found by nothing, mentions too
                entries.append(_Entry(row, None, []))
                continue
            value = open_row(cipher, row, tenant_key=target.tenant_key)
            indexer = await vault.index_keys.get(target.tenant, field_class.id, target.versions)
            digest = indexer.digest(normalise(field_class, value)) if field_class.indexed else None
            places = places_of(field_class, value, tenant_key=target.tenant_key, indexer=indexer, cuts=cuts)
            entries.append(_Entry(row, digest, places if cuts else []))
        except (TamperedCiphertext, InvalidValue, UnknownClass):
            continue
    return entries
