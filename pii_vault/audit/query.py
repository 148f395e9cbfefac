"""Reads the audit log: for the console, for /readyz and for /metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from pii_vault.audit.record import SubjectHasher

SILENCE_SECONDS: Final = 300
MOST_ROWS: Final = 200

_COLUMNS: Final = """idx, at, principal_kind, principal, verb, purpose, decision, counts::text AS counts,
       cardinality(subjects) AS subjects"""
_PAGE: Final = f"""
SELECT {_COLUMNS} FROM audit_detail
WHERE tenant = $1 AND idx < $2
  AND ($3::text IS NULL OR principal = $3) AND ($4::text IS NULL OR verb = $4) AND ($5::text IS NULL OR purpose = $5)
  AND ($6::text IS NULL OR decision = $6 OR $6 = 'deny' AND decision NOT IN ('allow', 'mask'))
  AND ($7::timestamptz IS NULL OR at >= $7) AND ($8::timestamptz IS NULL OR at < $8)
ORDER BY idx DESC LIMIT $9
"""  # noqa: S608  constants only
# Materialised, so that the planner goes by the subject's few rows and not through the tenant's many.
_WHO_LOOKED: Final = f"""
WITH looks AS MATERIALIZED (
    SELECT * FROM audit_detail
    WHERE verb <> 'tokenise' AND subjects @> ARRAY[$2]::bigint[] AND tenant = $1 AND idx < $3
)
SELECT {_COLUMNS} FROM looks ORDER BY idx DESC LIMIT $4
"""  # noqa: S608  constants only
_COUNTS: Final = """
SELECT verb, decision, count(*) AS records FROM audit_detail
WHERE tenant = $1 AND at >= $2 GROUP BY verb, decision ORDER BY verb, decision
"""
_LAG: Final = """
WITH witnessed AS (SELECT coalesce(max(size), 0) AS size FROM audit_checkpoint WHERE cosignature IS NOT NULL)
SELECT head.size - witnessed.size AS records,
       coalesce(extract(epoch FROM clock_timestamp() - detail.at), 0)::float8 AS seconds
FROM audit_head AS head CROSS JOIN witnessed LEFT JOIN audit_detail AS detail ON detail.idx = witnessed.size
"""
_FIRST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One record as the console shows it. `counts` is outcome → class → how many; `subjects` is how many persons."""

    index: int
    at: datetime
    principal_kind: str
    principal: str
    verb: str
    purpose: str
    decision: str
    counts: Mapping[str, Mapping[str, int]]
    subjects: int


@dataclass(frozen=True, slots=True)
class Filters:
    """Of the list; None means all. The decision `deny` takes in every refusal, whatever its code."""

    principal: str | None = None
    verb: str | None = None
    purpose: str | None = None
    decision: str | None = None
    since: datetime | None = None
    until: datetime | None = None


ALL: Final = Filters()


@dataclass(frozen=True, slots=True)
class AuditPage:
    """`before` of the next page; None on the last one."""

    rows: tuple[AuditRow, ...]
    next_before: int | None


@dataclass(frozen=True, slots=True)
class VerbCount:
    verb: str
    decision: str
    records: int


@dataclass(frozen=True, slots=True)
class WitnessLag:
    """How many newest records no witness has seen, and how long the oldest of them has waited."""

    records: int
    seconds: float

    @property
    def silent(self) -> bool:
        """Long enough for an alarm."""
        return self.seconds > SILENCE_SECONDS


def _page(rows: list[Any], limit: int) -> AuditPage:
    found = [
        AuditRow(
            row["idx"],
            row["at"],
            row["principal_kind"],
            row["principal"],
            row["verb"],
            row["purpose"],
            row["decision"],
            msgspec.json.decode(row["counts"]),
            row["subjects"],
        )
        for row in rows[:limit]
    ]
    return AuditPage(tuple(found), found[-1].index if len(rows) > limit else None)


async def page(
    pool: asyncpg.Pool,
    *,
    tenant: str,
    before: int | None = None,
    limit: int = 50,
    only: Filters = ALL,
) -> AuditPage:
    """Records of a tenant, newest first; `before` is the `next_before` of the page before."""
    limit = min(limit, MOST_ROWS)
    start = _FIRST if before is None else before
    chosen = (only.principal, only.verb, only.purpose, only.decision, only.since, only.until)
    return _page(await pool.fetch(_PAGE, tenant, start, *chosen, limit + 1), limit)


async def who_looked(
    pool: asyncpg.Pool,
    hasher: SubjectHasher,
    *,
    tenant: str,
    subject: bytes,
    before: int | None = None,
    limit: int = 50,
) -> AuditPage:
    """Every act on this person but the storing of values, newest first. `subject` is the 16-byte id."""
    limit = min(limit, MOST_ROWS)
    start = _FIRST if before is None else before
    rows = await pool.fetch(_WHO_LOOKED, tenant, hasher.digest(subject), start, limit + 1)
    return _page(rows, limit)


async def counts(pool: asyncpg.Pool, *, tenant: str, since: datetime) -> list[VerbCount]:
    return [VerbCount(*row) for row in await pool.fetch(_COUNTS, tenant, since)]


async def witness_lag(pool: "asyncpg.Pool | asyncpg.Connection") -> WitnessLag:
    row = await pool.fetchrow(_LAG)
    return WitnessLag(row["records"], row["seconds"])
