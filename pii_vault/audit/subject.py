"""Who looked at a person, for whoever asks at the vault's own machine; the console has a page of its own."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pii_vault import store
from pii_vault.audit import query
from pii_vault.audit.log import AuditEntry
from pii_vault.audit.record import SubjectHasher
from pii_vault.core.tokens import parse_subject_shape, parse_token_shape
from pii_vault.errors import MalformedToken, NotFound
from pii_vault.vault import Vault, new_request_id

OPERATOR: Final = "operator"
_TENANT: Final = "SELECT t.id FROM subject s JOIN tenant t ON t.key = s.tenant_key WHERE s.id = $1"
_OWNER: Final = "SELECT subject FROM pii_value WHERE token = $1"
_ALIASES: Final = "SELECT s.id, s.alias FROM staff s JOIN tenant t ON t.key = s.tenant_key WHERE t.id = $1"


@dataclass(frozen=True, slots=True)
class Look:
    """One act on the person; `counts` (outcome → class → how many) and `persons` are of the whole act."""

    index: int
    at: datetime
    who: str
    alias: str
    kind: str
    verb: str
    purpose: str
    decision: str
    counts: dict[str, dict[str, int]]
    persons: int


async def looks_at(vault: Vault, text: str) -> list[Look]:
    """Every act on this person but the storing of values, newest first. The question is recorded first.

    Raises:
        MalformedToken, NotFound, AuditUnavailable, StoreUnavailable.
    """
    subject = await _subject(vault, text)
    rows = await store.fetch(vault.pool, _TENANT, subject)
    if not rows:
        raise NotFound("The vault knows no such person.")
    tenant = rows[0]["id"]
    await vault.audit.commit(
        AuditEntry(
            tenant=tenant,
            principal_id=OPERATOR,
            principal_kind="service",
            verb="audit",
            purpose="audit",
            decision="allow",
            counts={},
            matrix_version=vault.matrix.version,
            request_id=new_request_id(),
            subjects=[subject],
        )
    )
    aliases = {row["id"]: row["alias"] for row in await store.fetch(vault.pool, _ALIASES, tenant)}
    hasher = SubjectHasher(await vault.keys.audit_key())
    looks: list[Look] = []
    before: int | None = None
    while True:
        page = await query.who_looked(
            vault.pool, hasher, tenant=tenant, subject=subject, before=before, limit=query.MOST_ROWS
        )
        looks += [_look(row, aliases) for row in page.rows]
        before = page.next_before
        if before is None:
            return looks


async def _subject(vault: Vault, text: str) -> bytes:
    bits = parse_subject_shape(text)
    if bits is not None:
        return bits
    token = parse_token_shape(text)
    if token is None:
        raise MalformedToken("This is neither a subject id nor a token. Copy it whole.")
    rows = await store.fetch(vault.pool, _OWNER, token.bits)
    if not rows:
        raise NotFound("The vault knows no such token.")
    return bytes(rows[0]["subject"])


def _look(row: query.AuditRow, aliases: dict[str, str]) -> Look:
    return Look(
        index=row.index,
        at=row.at,
        who=row.principal,
        alias=aliases.get(row.principal, ""),
        kind=row.principal_kind,
        verb=row.verb,
        purpose=row.purpose,
        decision=row.decision,
        counts={outcome: dict(by_class) for outcome, by_class in row.counts.items()},
        persons=row.subjects,
    )
