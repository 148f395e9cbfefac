"""Break-glass by two people: one asks with a reason, another approves, and time closes it.

Each step is an act in the database with its record in one transaction: the intent (`break_glass_request`), the decision
(`break_glass_approve`, `break_glass_refuse`), the early end (`break_glass_end`) and, once it is over, the result
(`break_glass_result`, with counts of what was shown under it). A grant changes nothing but one fact of the decision:
what it opens stands in policies/access/break-glass.cedar.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import asyncpg

from pii_vault.access.conditions import second_factor_minutes
from pii_vault.access.principal import Principal
from pii_vault.audit.log import AuditCommitter, AuditEntry
from pii_vault.breakglass import store
from pii_vault.breakglass.errors import (
    BreakGlassRefused,
    BrokenReason,
    NoSuchRequest,
    NotYours,
    StaleSecondFactor,
)
from pii_vault.breakglass.store import Request
from pii_vault.core.detect import find_personal_data
from pii_vault.core.tokens import new_id
from pii_vault.errors import Forbidden, VaultError
from pii_vault.identity.record import staff_subject
from pii_vault.operations.access import new_entry, refuse
from pii_vault.store import DATABASE_ERRORS
from pii_vault.vault import Vault, new_request_id

logger = logging.getLogger(__name__)

APPROVERS: Final = frozenset({"officer", "owner"})
REASON_CHARS: Final = range(10, 501)
MINUTES: Final = range(1, 61)
FACTOR_MINUTES: Final = 60
RESULT_SECONDS: Final = 15.0


def openable(vault: Vault, principal: Principal) -> dict[str, tuple[str, ...]]:
    """What break-glass could open to this person: purpose → classes."""
    found = {}
    for purpose in vault.matrix.purposes:
        classes = tuple(class_id for class_id in vault.matrix.classes if _opens(vault, principal, purpose, class_id))
        if classes:
            found[purpose] = classes
    return found


async def request(
    vault: Vault, principal: Principal, *, purpose: str, classes: Sequence[str], reason: str, minutes: int
) -> str:
    """Ask for a grant; gives the request's id.

    Raises:
        BrokenReason, StaleSecondFactor, BreakGlassRefused (recorded), AuditUnavailable.
    """
    reason = " ".join(reason.split())
    if len(reason) not in REASON_CHARS or not reason.isprintable() or find_personal_data(reason):
        raise BrokenReason
    asked = tuple(dict.fromkeys(classes))
    if minutes not in MINUTES or not asked or not set(asked) <= set(openable(vault, principal).get(purpose, ())):
        await _refuse(vault, principal, BreakGlassRefused(), "break_glass_request", purpose)
    await _require_factor(vault, principal, "break_glass_request", purpose)
    id_ = new_id("bgl")
    entry = _entry(vault, principal, "break_glass_request", purpose, {"requested": dict.fromkeys(asked, 1)})

    async def apply(connection: asyncpg.Connection) -> None:
        await store.ask(connection, (id_, principal.tenant, principal.id, purpose, list(asked), reason, minutes))

    await vault.audit.commit(entry, apply=apply)
    return id_


async def decide(vault: Vault, principal: Principal, id_: str, *, approve: bool) -> Request:
    """Approve or refuse another person's request.

    Raises:
        NotYours, StaleSecondFactor (both recorded), NoSuchRequest, AuditUnavailable.
    """
    verb = "break_glass_approve" if approve else "break_glass_refuse"
    if APPROVERS.isdisjoint(principal.roles) or principal.kind != "staff":
        await _refuse(vault, principal, NotYours(), verb, "")
    await _require_factor(vault, principal, verb, "")
    entry = _entry(vault, principal, verb, "", {})

    async def apply(connection: asyncpg.Connection) -> Request:
        decided = await store.decide(connection, id_, tenant=principal.tenant, by=principal.id, approve=approve)
        if decided is None:
            raise NoSuchRequest
        entry.purpose = decided.purpose
        entry.counts = {"granted" if approve else "denied": dict.fromkeys(decided.classes, 1)}
        entry.subjects = [staff_subject(decided.requested_by)]
        return decided

    refusal = replace(entry, decision=NoSuchRequest.code)
    return await vault.audit.commit(entry, apply=apply, refusal=refusal)


async def end(vault: Vault, principal: Principal, id_: str) -> None:
    """Close a grant before its time: who asked for it may, and whoever may approve.

    Raises:
        NoSuchRequest, AuditUnavailable.
    """
    approver = not APPROVERS.isdisjoint(principal.roles)
    entry = _entry(vault, principal, "break_glass_end", "", {})

    async def apply(connection: asyncpg.Connection) -> None:
        only_of = None if approver else principal.id
        ended = await store.end(connection, id_, tenant=principal.tenant, only_of=only_of)
        if ended is None:
            raise NoSuchRequest
        entry.purpose = ended.purpose
        entry.subjects = [staff_subject(ended.requested_by)]

    await vault.audit.commit(entry, apply=apply)


async def report_results(pool: asyncpg.Pool, audit: AuditCommitter) -> int:
    """Record the result of each grant that is over. A duty of the private worker; gives how many there were."""
    done = 0
    async with pool.acquire() as connection, connection.transaction():
        over = await store.due(connection)
    for request_ in over:
        done += await _report(audit, request_)
    return done


async def run_results(pool: asyncpg.Pool, audit: AuditCommitter, *, seconds: float = RESULT_SECONDS) -> None:
    """For ever: what fails is tried again."""
    while True:
        try:
            await report_results(pool, audit)
        except (*DATABASE_ERRORS, VaultError) as error:
            logger.warning("break-glass: no result was recorded: %s", type(error).__name__)
        await asyncio.sleep(seconds)


async def _report(audit: AuditCommitter, over: Request) -> bool:
    entry = AuditEntry(
        tenant=over.tenant,
        principal_id=over.requested_by,
        principal_kind="staff",
        verb="break_glass_result",
        purpose=over.purpose,
        decision="allow",
        counts={},
        matrix_version="",
        request_id=over.id,
        subjects=[staff_subject(over.requested_by)],
    )

    async def apply(connection: asyncpg.Connection) -> bool:
        if not await store.report(connection, over.id):
            raise NoSuchRequest
        entry.counts = {"value": await store.used(connection, over)}
        return True

    try:
        return await audit.commit(entry, apply=apply)
    except NoSuchRequest:  # another worker was faster
        return False


def _opens(vault: Vault, principal: Principal, purpose: str, class_id: str) -> bool:
    rules, _ = vault.matrix.rules_of(principal.roles, purpose, class_id, "reveal")
    return any(
        condition.kind == "break_glass" and condition.holds for rule in rules.permits for condition in rule.conditions
    )


async def _require_factor(vault: Vault, principal: Principal, verb: str, purpose: str) -> None:
    if second_factor_minutes(principal.second_factor_at, vault.clock()) > FACTOR_MINUTES:
        await _refuse(vault, principal, StaleSecondFactor(), verb, purpose)


async def _refuse(vault: Vault, principal: Principal, error: VaultError, verb: str, purpose: str) -> None:
    known = purpose if purpose in vault.purposes else ""  # what a stranger typed is no id
    await refuse(vault, principal, error, verb=verb, purpose=known, request_id=new_request_id())


def _entry(
    vault: Vault, principal: Principal, verb: str, purpose: str, counts: dict[str, dict[str, int]]
) -> AuditEntry:
    if principal.kind != "staff":
        raise Forbidden
    return new_entry(
        vault, principal, verb=verb, purpose=purpose, request_id=new_request_id(), decision="allow", counts=counts
    )
