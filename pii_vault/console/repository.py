"""What the console reads beside the audit lists: always of one tenant, but for the state of the common log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from pii_vault import store
from pii_vault.audit.query import AuditRow
from pii_vault.core.tokens import parse_subject
from pii_vault.errors import NotFound
from pii_vault.vault import Vault

COUNTED = 100_000

_RECORD = """
SELECT d.idx, d.at, d.principal_kind, d.principal, d.verb, d.purpose, d.decision, d.counts,
       cardinality(d.subjects) AS persons, l.record, l.leaf, l.chain
FROM audit_detail d JOIN audit_log l USING (idx)
WHERE d.tenant = $1 AND d.idx = $2
"""
_LOG_STATE = """
SELECT (SELECT size FROM audit_head) AS size,
       (SELECT max(size) FROM audit_checkpoint) AS signed,
       (SELECT max(size) FROM audit_checkpoint WHERE cosignature IS NOT NULL) AS cosigned,
       (SELECT max(cosigned_at) FROM audit_checkpoint) AS cosigned_at
"""
_COUNTS = """
SELECT (SELECT count(*) FROM (SELECT FROM subject WHERE tenant_key = $1 LIMIT $2) AS counted) AS subjects,
       (SELECT count(*) FROM (SELECT FROM pii_value WHERE tenant_key = $1 LIMIT $2) AS counted) AS values
"""
_PARTS = "SELECT class_key, kind, bits, planned_rows FROM search_plan WHERE tenant_key = $1 ORDER BY class_key, kind"
_STAFF = "SELECT id, alias, role, state FROM staff WHERE tenant_key = $1 ORDER BY alias"
_SUBJECT_STATE = "SELECT state FROM subject WHERE id = $1 AND tenant_key = $2"
_OWNER = "SELECT subject FROM pii_value WHERE token = $1 AND tenant_key = $2"


@dataclass(frozen=True, slots=True)
class LogState:
    size: int
    signed: int
    cosigned: int
    cosigned_at: datetime | None


@dataclass(frozen=True, slots=True)
class StaffRow:
    id: str
    alias: str
    role: str
    state: str


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """A row of the list with the bytes that the chain holds."""

    row: AuditRow
    record: bytes
    leaf: bytes
    chain: bytes


class ConsoleRepository:
    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def record(self, tenant: str, index: int) -> AuditRecord | None:
        rows = await self._fetch(_RECORD, tenant, index)
        if not rows:
            return None
        row = rows[0]
        seen = AuditRow(
            row["idx"],
            row["at"],
            row["principal_kind"],
            row["principal"],
            row["verb"],
            row["purpose"],
            row["decision"],
            msgspec.json.decode(row["counts"]),
            row["persons"],
        )
        return AuditRecord(seen, bytes(row["record"]), bytes(row["leaf"]), bytes(row["chain"]))

    async def log_state(self) -> LogState:
        row = (await self._fetch(_LOG_STATE))[0]
        return LogState(row["size"], row["signed"] or 0, row["cosigned"] or 0, row["cosigned_at"])

    async def counts(self, tenant: str) -> tuple[int, int]:
        """Subjects and values, each counted up to COUNTED and no further: a page must not scan a big shop."""
        row = (await self._fetch(_COUNTS, await self._vault.tenants.key(tenant), COUNTED))[0]
        return row["subjects"], row["values"]

    async def parts(self, tenant: str) -> list[tuple[int, str, int, int]]:
        """What is indexed by parts: class, kind, bits, and the number of rows it was planned for."""
        return [tuple(row) for row in await self._fetch(_PARTS, await self._vault.tenants.key(tenant))]

    async def staff(self, tenant: str) -> list[StaffRow]:
        rows = await self._fetch(_STAFF, await self._vault.tenants.key(tenant))
        return [StaffRow(row["id"], row["alias"], row["role"], row["state"]) for row in rows]

    async def subject_state(self, tenant: str, subject: bytes) -> str | None:
        """The state (a active, b blocked, e erased); None when this tenant has no such subject."""
        rows = await self._fetch(_SUBJECT_STATE, subject, await self._vault.tenants.key(tenant))
        return _text(rows[0]["state"]) if rows else None

    async def known_subject(self, tenant: str, text: str) -> bytes:
        """The 16 bytes of a subject id. Raises MalformedToken, NotFound."""
        subject = parse_subject(text, tenant=tenant)
        if await self.subject_state(tenant, subject) is None:
            raise NotFound
        return subject

    async def subject_of_token(self, tenant: str, token: bytes) -> bytes | None:
        rows = await self._fetch(_OWNER, token, await self._vault.tenants.key(tenant))
        return bytes(rows[0]["subject"]) if rows else None

    async def _fetch(self, statement: str, *parameters: Any) -> Sequence[Any]:
        return await store.fetch(self._vault.pool, statement, *parameters)


def _text(state: bytes | str) -> str:
    return state.decode() if isinstance(state, bytes) else state
