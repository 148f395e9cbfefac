"""Alarms and the figures they are raised from. The only SQL of this part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from pii_vault.alarms.rules import Activity, Finding, Who, activity_of

BATCH: Final = 5000
MOST_SHOWN: Final = 200

_ALONE: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended('larets alarms', 0))"
_STATE: Final = "SELECT a.next_idx, h.size FROM alarm_state AS a CROSS JOIN audit_head AS h"
# Storing values is no look at anybody, but what staff find by storing it again is a search, and a refusal is one.
_ROWS: Final = """
SELECT tenant, principal_kind, principal, verb, decision, date_trunc('hour', at) AS hour, counts::text AS counts,
       cardinality(subjects) AS persons
FROM audit_detail WHERE idx >= $1 AND idx < $2
  AND (verb <> 'tokenise' OR decision NOT IN ('allow', 'deny') OR counts ? 'denied'
       OR counts ? 'searched' AND principal_kind = 'staff')
"""
_MOVE: Final = "UPDATE alarm_state SET next_idx = $1, looked = now()"
_ADD: Final = """
INSERT INTO alarm_activity AS a
    (tenant, principal_kind, principal, hour, persons, searches, misses, refused, over_budget)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (tenant, principal_kind, principal, hour) DO UPDATE
SET persons = a.persons + excluded.persons, searches = a.searches + excluded.searches,
    misses = a.misses + excluded.misses, refused = a.refused + excluded.refused,
    over_budget = a.over_budget + excluded.over_budget
RETURNING persons, searches, misses, refused, over_budget
"""
_HISTORY: Final = """
SELECT persons FROM alarm_activity
WHERE tenant = $1 AND principal_kind = $2 AND principal = $3 AND persons > 0
  AND hour < $4 AND hour >= $4 - make_interval(days => $5)
"""
_ROLE: Final = """
SELECT s.role FROM staff AS s JOIN tenant AS t ON t.key = s.tenant_key WHERE t.id = $1 AND s.id = $2
"""
_RAISE: Final = """
INSERT INTO alarm AS a (tenant, kind, principal_kind, principal, hour, step, counts)
VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb)
ON CONFLICT (tenant, kind, principal_kind, principal, hour, step) DO UPDATE SET counts = excluded.counts
WHERE a.acknowledged IS NULL
"""
_FORGET: Final = "DELETE FROM alarm_activity WHERE hour < now() - make_interval(days => $1)"
_OPEN: Final = "SELECT kind, count(*) AS alarms FROM alarm WHERE acknowledged IS NULL GROUP BY kind"
_LIST: Final = """
SELECT key, tenant, kind, principal_kind, principal, hour, counts::text AS counts, raised, acknowledged,
       acknowledged_by, note
FROM alarm WHERE tenant = ANY($1) AND ($2 OR acknowledged IS NULL)
ORDER BY acknowledged IS NOT NULL, key DESC LIMIT $3
"""
_ACKNOWLEDGE: Final = """
UPDATE alarm SET acknowledged = now(), acknowledged_by = $3, note = $4
WHERE key = $1 AND tenant = ANY($2) AND acknowledged IS NULL RETURNING kind
"""


@dataclass(frozen=True, slots=True)
class AlarmRow:
    key: int
    tenant: str
    kind: str
    principal_kind: str
    principal: str
    hour: datetime
    counts: Mapping[str, int]
    raised: datetime
    acknowledged: datetime | None
    acknowledged_by: str | None
    note: str | None


async def alone(connection: asyncpg.Connection) -> bool:
    """Whether this transaction is the one that looks now; the others have nothing to do."""
    return bool(await connection.fetchval(_ALONE))


async def take(connection: asyncpg.Connection) -> tuple[dict[tuple[Who, datetime], Activity], bool]:
    """The next records as sums by principal and hour, and whether there are more. Moves the mark."""
    begin, size = await connection.fetchrow(_STATE)
    end = min(begin + BATCH, size)
    if end <= begin:
        return {}, False
    sums: dict[tuple[Who, datetime], Activity] = {}
    for row in await connection.fetch(_ROWS, begin, end):
        done = activity_of(row["verb"], row["decision"], msgspec.json.decode(row["counts"]), row["persons"])
        if done != Activity():
            who = Who(row["tenant"], row["principal_kind"], row["principal"])
            sums.setdefault((who, row["hour"]), Activity()).add(done)
    await connection.execute(_MOVE, end)
    return sums, end < size


async def add(connection: asyncpg.Connection, who: Who, hour: datetime, done: Activity) -> Activity:
    """The principal's whole hour so far, with this added."""
    figures = (done.persons, done.searches, done.misses, done.refused, done.over_budget)
    row = await connection.fetchrow(_ADD, who.tenant, who.kind, who.id, hour, *figures)
    return Activity(*row)


async def history(connection: asyncpg.Connection, who: Who, hour: datetime, *, days: int) -> list[int]:
    """Persons shown in each earlier hour in which there were any."""
    return [row["persons"] for row in await connection.fetch(_HISTORY, who.tenant, who.kind, who.id, hour, days)]


async def role_of(connection: asyncpg.Connection, who: Who) -> Who | None:
    """The role of a member of staff, as one whose hours are summed up too."""
    role = await connection.fetchval(_ROLE, who.tenant, who.id) if who.kind == "staff" else None
    return Who(who.tenant, "role", role) if role is not None else None


async def raise_alarm(connection: asyncpg.Connection, who: Who, hour: datetime, finding: Finding) -> None:
    """One alarm for each kind, principal, hour and doubling; its figures follow while nobody has acknowledged it."""
    counts = msgspec.json.encode(finding.counts).decode()
    await connection.execute(_RAISE, who.tenant, finding.kind, who.kind, who.id, hour, finding.step, counts)


async def forget(connection: asyncpg.Connection, *, days: int) -> None:
    await connection.execute(_FORGET, days)


async def open_alarms(pool: "asyncpg.Pool | asyncpg.Connection") -> dict[str, int]:
    """How many of each kind nobody has acknowledged, for /metrics."""
    return {row["kind"]: row["alarms"] for row in await pool.fetch(_OPEN)}


async def list_alarms(pool: asyncpg.Pool, *, tenants: Sequence[str], all_of_them: bool) -> list[AlarmRow]:
    """Open ones first, newest first."""
    rows: list[Any] = await pool.fetch(_LIST, list(tenants), all_of_them, MOST_SHOWN)
    return [AlarmRow(**dict(row) | {"counts": msgspec.json.decode(row["counts"])}) for row in rows]


async def acknowledge(
    connection: asyncpg.Connection, key: int, *, tenants: Sequence[str], by: str, note: str
) -> str | None:
    """The kind of the alarm that is now acknowledged; None when there is no such open one."""
    kind: str | None = await connection.fetchval(_ACKNOWLEDGE, key, list(tenants), by, note)
    return kind
