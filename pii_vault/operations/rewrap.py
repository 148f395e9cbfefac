"""Re-wrap: every key of a tenant that lies under an older KEK goes under the newest one, while the vault works.

In batches: read some keys, have the key service wrap them anew with no transaction open, write them back where they
are still the same, with the record and the place reached in one transaction. A run that was killed goes on from that
place; a row that was erased meanwhile stays erased; the values themselves are not touched.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from pii_vault import store
from pii_vault.audit.log import AuditEntry
from pii_vault.errors import InvalidRequest, NotFound, StoreUnavailable, UnknownTenantKey, UnwrapFailed
from pii_vault.keys.contexts import IDENTITY_TENANT
from pii_vault.keys.service import WrappedKey
from pii_vault.operations.wrapped import DEKS, WrappedTable, tables_of
from pii_vault.vault import Vault, new_request_id

logger = logging.getLogger(__name__)

OPERATOR: Final = "operator"  # whoever may run `larets` on the vault's machine
BATCH: Final = 498  # two calls of the key service: large enough for its round trip, small enough to wait behind
LOAD: Final = 0.2  # share of the time that a run works; the rest it leaves to those who wait for an answer

_TENANT: Final = "SELECT key FROM tenant WHERE id = $1"
_PLACE: Final = """
SELECT after_subject, after_retention, done FROM rewrap_progress
WHERE tenant = $1 AND target = $2 AND finished IS NULL
"""
_BEGIN: Final = """
INSERT INTO rewrap_progress (tenant, target) VALUES ($1, $2)
ON CONFLICT (tenant) DO UPDATE SET target = excluded.target, after_subject = NULL, after_retention = NULL,
    done = 0, started = now(), updated = now(), finished = NULL
"""
_REACHED: Final = """
UPDATE rewrap_progress SET done = done + $3, updated = now(),
    after_subject = coalesce($4, after_subject), after_retention = coalesce($5, after_retention)
WHERE tenant = $1 AND target = $2
"""
_FINISH: Final = "UPDATE rewrap_progress SET updated = now(), finished = now() WHERE tenant = $1 AND target = $2"


@dataclass(slots=True)
class Rewrapped:
    """What a run did. `damaged` keys open under no version that is held; they stay as they are and stop the trim."""

    tenant: str
    target: int
    rows: int = 0
    before: int = 0  # by runs that were interrupted
    damaged: int = 0
    seconds: float = 0.0

    @property
    def rows_per_second(self) -> int:
        return round(self.rows / self.seconds) if self.seconds else 0


async def rewrap(
    vault: Vault,
    tenant: str,
    *,
    load: float = LOAD,
    batch: int = BATCH,
    progress: Callable[[Rewrapped], None] = lambda _state: None,
) -> Rewrapped:
    """Wraps all keys of a tenant under its newest KEK. Repeating it finds nothing to do, or what was left.

    Raises:
        InvalidRequest: a load outside 0 … 1.
        NotFound: there is no such tenant.
        KeyServiceUnavailable, AuditUnavailable, StoreUnavailable: run it again; it goes on where it stopped.
    """
    if not 0 < load <= 1:
        raise InvalidRequest("the load is a share of the time: more than 0, at most 1")
    tenant_key = await tenant_key_of(vault, tenant)
    state = Rewrapped(tenant, (await vault.keys.versions(tenant, "kek")).current)
    started = time.monotonic()
    after = await _begin(vault, state)
    for table in tables_of(tenant):
        place = after if table is DEKS and after is not None else table.first
        while True:
            began = time.monotonic()
            rows = await store.fetch(vault.pool, table.read, tenant_key, state.target, batch, *place)
            if not rows:
                break
            place = await _batch(vault, state, table, rows)
            state.seconds = time.monotonic() - started
            progress(state)
            await asyncio.sleep((time.monotonic() - began) * (1 / load - 1))
    async with store.connection(vault.pool) as connection:
        await connection.execute(_FINISH, tenant, state.target)
    state.seconds = time.monotonic() - started
    return state


async def tenant_key_of(vault: Vault, tenant: str) -> int:
    """Also of a suspended tenant: its keys rotate like the others'. 0 for the identity part. Raises NotFound."""
    if tenant == IDENTITY_TENANT:
        return 0
    rows = await store.fetch(vault.pool, _TENANT, tenant)
    if not rows:
        raise NotFound(f"there is no tenant {tenant}")
    return int(rows[0][0])


def operator_entry(
    vault: Vault, tenant: str, verb: str, decision: str, counts: dict[str, dict[str, int]]
) -> AuditEntry:
    """A record of an act of the key life cycle, done by whoever may run `larets` in the private contour."""
    return AuditEntry(
        tenant=tenant,
        principal_id=OPERATOR,
        principal_kind="service",
        verb=verb,
        purpose="",
        decision=decision,
        counts=counts,
        matrix_version=vault.matrix.version,
        request_id=new_request_id(),
    )


async def _begin(vault: Vault, state: Rewrapped) -> tuple[Any, ...] | None:
    """The place where an interrupted run to the same version stopped."""
    rows = await store.fetch(vault.pool, _PLACE, state.tenant, state.target)
    if rows:
        state.before = rows[0][2]
        return (rows[0][0], rows[0][1]) if rows[0][0] is not None else None
    async with store.connection(vault.pool) as connection:
        await connection.execute(_BEGIN, state.tenant, state.target)
    return None


async def _batch(vault: Vault, state: Rewrapped, table: WrappedTable, rows: Sequence[Any]) -> tuple[Any, ...]:
    """Wraps these rows anew; gives the place reached."""
    reached = tuple(rows[-1][2:])
    done = await _wrap_anew(vault, state, table, rows)
    state.damaged += len(rows) - len(done)
    columns = list(zip(*((old[1], new.kek_version, new.blob, *old[2:]) for old, new in done), strict=True))
    deks_reached = reached if table is DEKS else (None, None)

    async def write(connection: asyncpg.Connection) -> None:
        if columns:
            await connection.execute(table.write, *map(list, columns))
        await connection.execute(_REACHED, state.tenant, state.target, len(done), *deks_reached)

    counts = {"rewrapped": {table.name: len(done)}, "version": {"kek": state.target}}
    try:
        await vault.audit.commit(operator_entry(vault, state.tenant, "rewrap", "allow", counts), apply=write)
    except asyncpg.PostgresError as error:
        raise StoreUnavailable from error
    state.rows += len(done)
    return reached


async def _wrap_anew(
    vault: Vault, state: Rewrapped, table: WrappedTable, rows: Sequence[Any]
) -> list[tuple[Any, WrappedKey]]:
    """Rows with their new wrapped keys. One that does not open is left out; it must not hold up the others."""
    try:
        made = await vault.keys.rewrap(
            state.tenant, [(table.context(row[2:]), WrappedKey(row[0], row[1])) for row in rows]
        )
    except (UnwrapFailed, UnknownTenantKey):
        if len(rows) == 1:
            logger.error("integrity: a key of %s does not open and was not re-wrapped", table.name)  # noqa: TRY400
            return []
        half = len(rows) // 2
        return [
            *await _wrap_anew(vault, state, table, rows[:half]),
            *await _wrap_anew(vault, state, table, rows[half:]),
        ]
    return list(zip(rows, made, strict=True))
