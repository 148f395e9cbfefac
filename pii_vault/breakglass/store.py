"""Requests and grants of break-glass. The only SQL of this part."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

REQUEST_HOURS: Final = 1  # nobody approves what was urgent yesterday
MOST_SHOWN: Final = 100

_COLUMNS: Final = """id, tenant, requested_by, purpose, classes, reason, minutes, requested, decided, decided_by,
    approved, expires, ended, reported"""
_ASK: Final = """
INSERT INTO break_glass (id, tenant, requested_by, purpose, classes, reason, minutes, requested)
VALUES ($1, $2, $3, $4, $5, $6, $7, now())
"""
# Every condition once more in the statement: what was read before may have changed.
_DECIDE: Final = f"""
UPDATE break_glass SET decided = now(), decided_by = $3, approved = $4,
    expires = CASE WHEN $4 THEN now() + make_interval(mins => minutes) END
WHERE id = $1 AND tenant = $2 AND decided IS NULL AND requested_by <> $3
  AND requested > now() - interval '{REQUEST_HOURS} hour'
RETURNING {_COLUMNS}
"""  # noqa: S608  constants only
_END: Final = f"""
UPDATE break_glass SET ended = now()
WHERE id = $1 AND tenant = $2 AND approved AND ended IS NULL AND expires > now()
  AND ($3::text IS NULL OR requested_by = $3)
RETURNING {_COLUMNS}
"""  # noqa: S608  constants only
_OPEN: Final = """
SELECT tenant, requested_by, purpose, classes, extract(epoch FROM expires - now())::float8 AS seconds
FROM break_glass WHERE approved AND ended IS NULL AND expires > now()
"""
_LIST: Final = f"""
SELECT {_COLUMNS} FROM break_glass WHERE tenant = $1 AND ($2::text IS NULL OR requested_by = $2)
ORDER BY requested DESC LIMIT $3
"""  # noqa: S608  constants only
_DUE: Final = f"""
SELECT {_COLUMNS} FROM break_glass
WHERE approved AND reported IS NULL AND (ended IS NOT NULL OR expires <= now()) ORDER BY expires LIMIT 20
FOR UPDATE SKIP LOCKED
"""  # noqa: S608  constants only
_REPORTED: Final = "UPDATE break_glass SET reported = now() WHERE id = $1 AND reported IS NULL RETURNING id"
_USED: Final = """
SELECT counts::text AS counts FROM audit_detail
WHERE tenant = $1 AND principal = $2 AND purpose = $3 AND verb = 'reveal' AND at >= $4 AND at <= $5
"""


@dataclass(frozen=True, slots=True)
class Request:
    """A request and what became of it."""

    id: str
    tenant: str
    requested_by: str
    purpose: str
    classes: tuple[str, ...]
    reason: str
    minutes: int
    requested: datetime
    decided: datetime | None
    decided_by: str | None
    approved: bool | None
    expires: datetime | None
    ended: datetime | None
    reported: datetime | None

    @property
    def closes(self) -> datetime | None:
        """When the grant was or will be void."""
        return self.ended or self.expires


def _request(row: Any) -> Request:
    return Request(**(dict(row) | {"classes": tuple(row["classes"])}))


async def ask(connection: asyncpg.Connection, request: Sequence[Any]) -> None:
    """`request`: id, tenant, who, purpose, classes, reason, minutes."""
    await connection.execute(_ASK, *request)


async def decide(connection: asyncpg.Connection, id_: str, *, tenant: str, by: str, approve: bool) -> Request | None:
    """None when there is no such undecided request of somebody else."""
    row = await connection.fetchrow(_DECIDE, id_, tenant, by, approve)
    return _request(row) if row else None


async def end(connection: asyncpg.Connection, id_: str, *, tenant: str, only_of: str | None) -> Request | None:
    row = await connection.fetchrow(_END, id_, tenant, only_of)
    return _request(row) if row else None


async def open_grants(connection: "asyncpg.Connection | asyncpg.Pool") -> list[Any]:
    rows: list[Any] = await connection.fetch(_OPEN)
    return rows


async def list_requests(pool: asyncpg.Pool, *, tenant: str, only_of: str | None) -> list[Request]:
    """Newest first."""
    return [_request(row) for row in await pool.fetch(_LIST, tenant, only_of, MOST_SHOWN)]


async def due(connection: asyncpg.Connection) -> list[Request]:
    """Grants that are over and whose result is not on record yet; locked until the transaction ends."""
    return [_request(row) for row in await connection.fetch(_DUE)]


async def report(connection: asyncpg.Connection, id_: str) -> bool:
    """Whether it was this call that marked the result as recorded."""
    return await connection.fetchval(_REPORTED, id_) is not None


async def used(connection: "asyncpg.Connection | asyncpg.Pool", request: Request) -> dict[str, int]:
    """Values of the granted classes that this person was shown for this purpose while the grant was open."""
    shown: dict[str, int] = {}
    rows = await connection.fetch(
        _USED, request.tenant, request.requested_by, request.purpose, request.decided, request.closes
    )
    for row in rows:
        for class_id, number in msgspec.json.decode(row["counts"]).get("value", {}).items():
            if class_id in request.classes:
                shown[class_id] = shown.get(class_id, 0) + number
    return shown
