"""The durable outbox: events wait here until the public contour has taken them, however long it is away.

The order of an object's events is kept: an event is sent only when no earlier one of its object waits. Objects go
in parallel. Any number of forwarders may run: each claims heads that nobody else has, for the time of a lease; one
that dies leaves them to the others, and the receiver knows a repeated event by its id. A refused event is put aside
as a dead letter; later ones of its object go on, for each carries the whole state.
"""

import random
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import asyncpg

LEASE: Final = timedelta(seconds=30)  # well over the sender's time-out
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 15.0
_PROBLEM_CODE = re.compile(r"[a-z][a-z0-9_]{0,59}", re.ASCII)

CLAIM: Final = """
UPDATE gateway_outbox o SET due = now() + $2::interval, attempts = o.attempts + 1
FROM (
    SELECT h.id FROM gateway_outbox h
    WHERE h.dead IS NULL AND h.due <= now() AND NOT EXISTS (
        SELECT FROM gateway_outbox e
        WHERE e.connection_key = h.connection_key AND e.object = h.object AND e.external_id = h.external_id
          AND e.sequence < h.sequence AND e.dead IS NULL
    )
    ORDER BY h.due LIMIT $1 FOR UPDATE SKIP LOCKED
) head
WHERE o.id = head.id
RETURNING o.id, o.body, o.attempts
"""
# The row deleted here is still in the statement's own view.
DONE: Final = """
WITH gone AS (DELETE FROM gateway_outbox WHERE id = $1 RETURNING id, connection_key, object, external_id)
SELECT EXISTS (
    SELECT FROM gateway_outbox o JOIN gone g USING (connection_key, object, external_id)
    WHERE o.id <> g.id AND o.dead IS NULL
)
"""
LATER: Final = "UPDATE gateway_outbox SET due = now() + $2::interval, failure = $3 WHERE id = $1"
BURY: Final = "UPDATE gateway_outbox SET dead = now(), failure = $2 WHERE id = $1"
REVIVE: Final = """
UPDATE gateway_outbox o SET dead = NULL, due = now(), attempts = 0, failure = NULL
FROM gateway_connection c JOIN tenant t ON t.key = c.tenant_key
WHERE c.key = o.connection_key AND t.id = $1 AND o.dead IS NOT NULL AND ($2::text IS NULL OR o.id = $2)
RETURNING o.id
"""
LIST: Final = """
SELECT d.received, d.object, d.external_id, d.action, d.event, c.id AS connection,
       CASE WHEN o.id IS NULL THEN 'forwarded' WHEN o.dead IS NOT NULL THEN 'dead' ELSE 'waiting' END AS state,
       o.attempts, o.failure
FROM gateway_delivery d
JOIN gateway_connection c ON c.key = d.connection_key
JOIN tenant t ON t.key = c.tenant_key
LEFT JOIN gateway_outbox o ON o.id = d.event
WHERE t.id = $1 AND ($2 = false OR o.dead IS NOT NULL)
ORDER BY d.received DESC LIMIT $3
"""
WAKE: Final = "SELECT pg_notify('gateway_outbox', '')"


@dataclass(frozen=True, slots=True)
class Event:
    """A claimed event: the bytes to send. They hold tokens and plain facts only."""

    id: str
    body: bytes = field(repr=False)
    attempts: int


class Outbox:
    """The table, as a forwarder uses it. Losing one of its commits costs a repeated event, never a lost one."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def claim(self, count: int) -> list[Event]:
        """Heads that are due and nobody else's, leased to the caller."""
        rows = await self._pool.fetch(CLAIM, count, LEASE)
        return [Event(row["id"], row["body"], row["attempts"]) for row in rows]

    async def done(self, event: Event) -> bool:
        """Forgets a delivered event. True when another one of its object waits."""
        return bool(await self._pool.fetchval(DONE, event.id))

    async def later(self, event: Event, *, seconds: float, failure: str) -> None:
        await self._pool.execute(LATER, event.id, timedelta(seconds=seconds), failure)

    async def bury(self, event: Event, *, failure: str) -> None:
        """Puts an event aside that the receiver will never take as it is."""
        await self._pool.execute(BURY, event.id, failure)


def pause(attempts: int) -> float:
    """Seconds before the next try: doubling, bounded, spread so that many do not come at once."""
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(attempts - 1, 16))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  spreading, not secrecy


def problem_code(content: Any) -> str:
    """The code of an RFC 9457 answer, if it has one of the agreed form; no other word of the answer is kept."""
    code = content.get("code") if isinstance(content, dict) else None
    return code if isinstance(code, str) and _PROBLEM_CODE.fullmatch(code) else ""


async def list_deliveries(pool: asyncpg.Pool, *, tenant: str, dead_only: bool, limit: int) -> list[dict[str, Any]]:
    """A shop's newest deliveries and what became of their events. For people."""
    return [dict(row) for row in await pool.fetch(LIST, tenant, dead_only, limit)]


async def revive(pool: asyncpg.Pool, *, tenant: str, event: str | None) -> list[str]:
    """Sends a shop's dead letters, or one of them, again. Returns their ids."""
    rows = await pool.fetch(REVIVE, tenant, event)
    if rows:
        await pool.execute(WAKE)
    return [row["id"] for row in rows]
