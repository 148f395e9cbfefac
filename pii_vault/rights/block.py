"""Blocking a person's data, with a reason and a day to decide again (152-FZ, art. 21(1)), and lifting the block.

A block of the officer and an erasure both make a person `blocked`; only the officer's own can be lifted.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import asyncpg

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.audit.log import AuditEntry
from pii_vault.core.tokens import new_id, new_subject_text
from pii_vault.errors import InvalidRequest
from pii_vault.operations.access import new_entry
from pii_vault.operations.ciphers import ACTIVE, BLOCKED, ERASED
from pii_vault.rights import store as sql
from pii_vault.rights.caches import obeyed, order_drop
from pii_vault.rights.errors import AlreadyBlocked, ErasureUnderWay, NotBlocked, SubjectErased
from pii_vault.rights.officer import PURPOSE, lock_subject, require_right
from pii_vault.vault import Vault

PAUSE_SECONDS: Final = 0.3
REASONS: Final = ("accuracy_check", "unlawfulness_check", "subject_demand", "regulator_demand")


async def block(
    vault: Vault, principal: Principal, subject: bytes, *, reason: str, until: datetime, request_id: str
) -> int:
    """From its commit on nothing of the person is released but for accounting and its own requests.

    Returns:
        The number of the order to all workers to drop what they hold; see `caches.obeyed`.

    Raises:
        InvalidRequest, Forbidden, AlreadyBlocked, SubjectErased, UnknownSubject, AuditUnavailable.
    """
    if reason not in REASONS:
        raise InvalidRequest(f"an unknown reason; name one of {', '.join(REASONS)}")
    if until <= vault.clock():
        raise InvalidRequest("the term of a block ends in the future")
    tenant_key = await vault.tenants.key(principal.tenant)
    await require_right(vault, principal, action="erase", verb="block", request_id=request_id)

    async def apply(acquired: asyncpg.Connection) -> int:
        state = await lock_subject(acquired, subject, tenant_key)
        if state == ERASED:
            raise SubjectErased
        if state == BLOCKED:
            raise AlreadyBlocked
        await acquired.execute(sql.INSERT_BLOCK, new_id("blk"), tenant_key, subject, reason, until, principal.id)
        await acquired.execute(sql.SET_STATE, subject, tenant_key, BLOCKED)
        return await order_drop(acquired, subject)

    entry = _entry(vault, principal, "block", subject, request_id)
    order = await vault.audit.commit(entry, apply=apply)
    vault.deks.invalidate(subject)
    return order


async def unblock(vault: Vault, principal: Principal, subject: bytes, *, request_id: str) -> None:
    """Lifts the officer's block.

    Raises:
        Forbidden, NotBlocked, ErasureUnderWay, SubjectErased, UnknownSubject, AuditUnavailable.
    """
    tenant_key = await vault.tenants.key(principal.tenant)
    await require_right(vault, principal, action="erase", verb="unblock", request_id=request_id)

    async def apply(acquired: asyncpg.Connection) -> None:
        state = await lock_subject(acquired, subject, tenant_key)
        if state == ERASED:
            raise SubjectErased
        if await acquired.fetchval(sql.ERASURES_OF, subject, tenant_key) is not None:
            raise ErasureUnderWay("What is left of this person is kept by law and stays blocked until its term ends.")
        if state == ACTIVE or await acquired.fetchval(sql.LIFT_BLOCK, subject, principal.id) is None:
            raise NotBlocked
        await acquired.execute(sql.SET_STATE, subject, tenant_key, ACTIVE)

    await vault.audit.commit(_entry(vault, principal, "unblock", subject, request_id), apply=apply)


async def everywhere(vault: Vault, order: int, *, seconds: float) -> bool:
    """Waits until every worker has dropped what it held of the person; False when that took too long."""
    deadline = time.monotonic() + seconds
    while True:
        if await obeyed(vault.pool, order):
            return True
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(PAUSE_SECONDS)


@dataclass(frozen=True, slots=True)
class Overdue:
    """A block whose day has come: the officer decides anew."""

    subject: str
    reason: str
    until: datetime


async def overdue(vault: Vault, tenant: str) -> list[Overdue]:
    """A hundred of them at most, the longest overdue first."""
    tenant_key = await vault.tenants.key(tenant)
    rows = await store.fetch(vault.pool, sql.BLOCKS_OVERDUE, tenant_key, vault.clock())
    return [
        Overdue(new_subject_text(row["subject"], tenant=tenant), row["reason"], row["until"].astimezone(UTC))
        for row in rows
    ]


def _entry(vault: Vault, principal: Principal, verb: str, subject: bytes, request_id: str) -> AuditEntry:
    return new_entry(
        vault,
        principal,
        verb=verb,
        purpose=PURPOSE,
        request_id=request_id,
        decision="allow",
        subjects=[subject],
    )
