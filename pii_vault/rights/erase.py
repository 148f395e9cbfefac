"""Erasing a person: requested → blocked → shredded → live → public → final.

Each step is one transaction with its audit record, written so that doing it twice is doing it once: an erasure that was
interrupted anywhere goes on from where it stood, in whichever process finds it next.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import asyncpg

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.audit.log import AuditEntry
from pii_vault.core.tokens import new_id
from pii_vault.errors import VaultError
from pii_vault.files.rows import ARE_LEFT as FILES_ARE_LEFT
from pii_vault.operations.access import Counts, new_entry
from pii_vault.operations.ciphers import ACTIVE, BLOCKED, ERASED
from pii_vault.rights import store as sql
from pii_vault.rights.caches import obeyed, order_drop
from pii_vault.rights.documents import write_documents
from pii_vault.rights.erasure import STEPS, Erasure, Plan, Step, find_erasure, plan_erasure, read_erasure
from pii_vault.rights.errors import ErasureUnderWay, NothingToErase, SubjectErased
from pii_vault.rights.journal import ErasureJournal, Order
from pii_vault.rights.officer import PURPOSE, lock_subject, require_right
from pii_vault.rights.shred import shred
from pii_vault.vault import Vault, new_request_id

logger = logging.getLogger(__name__)

Apply = Callable[[asyncpg.Connection], Awaitable[None]]
ERASER: Final = "eraser"  # who does the steps that nobody asks for one by one
REASONS: Final = (
    "subject_request",
    "consent_withdrawn",
    "purpose_reached",
    "unlawful_processing",
    "retention_term_over",
)


class Overtaken(Exception):
    """Another process did this step meanwhile: nothing to write and nothing to record."""


class Eraser:
    """Orders erasures and carries them through. One per process; any number of processes."""

    def __init__(self, vault: Vault, journal: ErasureJournal) -> None:
        self._vault = vault
        self._journal = journal
        self._steps: dict[Step, Callable[[Erasure], Awaitable[bool]]] = {
            "requested": self._block,
            "blocked": self._shred,
            "shredded": self._live,
            "live": self._public,
            "public": self._final,
        }

    async def request(self, principal: Principal, subject: bytes, *, reason: str, request_id: str) -> Erasure:
        """Orders the erasure of a person; from here on it goes through to the end, whoever is interrupted.

        Raises:
            Forbidden: the policies do not let this principal erase what the person has.
            SubjectErased, NothingToErase, ErasureUnderWay, UnknownSubject, TenantRefused, AuditUnavailable.
        """
        vault = self._vault
        if reason not in REASONS:
            raise ValueError("internal error: an unknown reason of an erasure")
        tenant_key = await vault.tenants.key(principal.tenant)
        plan = await plan_erasure(vault, principal.tenant, subject)
        await require_right(
            vault, principal, action="erase", verb="erase_request", request_id=request_id, classes=plan.erased
        )
        _require_something(plan)
        erasure_id = new_id("ers")

        async def apply(acquired: asyncpg.Connection) -> None:
            state = await lock_subject(acquired, subject, tenant_key)
            if state == ERASED:
                raise SubjectErased
            done = await acquired.fetchval(
                sql.REQUEST,
                erasure_id,
                tenant_key,
                subject,
                list(plan.groups),
                reason,
                principal.id,
                plan.kept_until,
            )
            if done is None:
                raise ErasureUnderWay

        entry = new_entry(
            vault,
            principal,
            verb="erase_request",
            purpose=PURPOSE,
            request_id=request_id,
            decision="allow",
            counts=_counts(erased=plan.erased, kept=plan.kept),
            subjects=[subject],
        )
        await vault.audit.commit(entry, apply=apply)
        return await find_erasure(vault, principal.tenant, erasure_id)

    async def advance(self, erasure: Erasure) -> Erasure:
        """Goes as far as is possible now. Raises what the last step met; what was done before stays done."""
        while True:
            stepped = await self.step(erasure)
            if stepped is None:
                return erasure
            erasure = stepped

    async def step(self, erasure: Erasure) -> Erasure | None:
        """One step, or None where the next one's condition does not hold yet."""
        act = self._steps.get(erasure.step)
        if act is None or not await act(erasure):
            return None
        return await find_erasure(self._vault, erasure.tenant, erasure.id)

    async def advance_all(self) -> int:
        """Carries on whatever is unfinished; gives how many were looked at. One that fails does not stop the others."""
        rows = await store.fetch(self._vault.pool, sql.UNFINISHED)
        for row in rows:
            with _set_aside(f"erasure {row['id']} waits"):
                await self.advance(await find_erasure(self._vault, row["tenant"], row["id"]))
        return len(rows)

    async def request_due(self) -> int:
        """Orders the erasure of statutory groups whose term is over; gives how many were looked at, as above."""
        rows = await store.fetch(self._vault.pool, sql.TERM_OVER, self._vault.clock())
        for row in rows:
            with _set_aside("an erasure that is due was not ordered"):
                await self._request_due(row["tenant"], row["subject"])
        return len(rows)

    async def _request_due(self, tenant: str, subject: bytes) -> None:
        plan = await plan_erasure(self._vault, tenant, subject)
        tenant_key = await self._vault.tenants.key(tenant)
        if plan.kept_until is not None:  # an order came after the first erasure and began the term anew
            return

        async def apply(acquired: asyncpg.Connection) -> None:
            await lock_subject(acquired, subject, tenant_key)
            place = (new_id("ers"), tenant_key, subject, list(plan.groups), "retention_term_over", ERASER, None)
            if await acquired.fetchval(sql.REQUEST, *place) is None:
                raise ErasureUnderWay

        counts = _counts(erased=plan.erased)
        await self._vault.audit.commit(self._entry(tenant, subject, "erase_request", counts), apply=apply)

    # --- the steps -----------------------------------------------------------------------------------

    async def _block(self, erasure: Erasure) -> bool:
        """Nothing of the person is released from here on, and no value is added."""

        async def apply(acquired: asyncpg.Connection) -> None:
            await self._require_step(acquired, erasure)
            if await lock_subject(acquired, erasure.subject, erasure.tenant_key) == ACTIVE:
                await acquired.execute(sql.SET_STATE, erasure.subject, erasure.tenant_key, BLOCKED)
                await order_drop(acquired, erasure.subject)
            await acquired.execute(sql.BLOCKED, erasure.id)

        await self._commit(erasure, "erase_block", apply)
        self._vault.deks.invalidate(erasure.subject)
        return True

    async def _shred(self, erasure: Erasure) -> bool:
        """First the journal's line on the disk, then the transaction that destroys."""
        order = Order(erasure.tenant, erasure.subject_text, erasure.groups, erasure.reason, erasure.id)
        line = await asyncio.to_thread(self._journal.append, order)
        entry = self._entry(erasure.tenant, erasure.subject, "erase", {})

        async def apply(acquired: asyncpg.Connection) -> None:
            done = await shred(self._vault, acquired, erasure, line)
            if done is None:
                raise Overtaken
            entry.counts = _counts(erased=done.erased, kept=done.kept)

        await self._record(entry, apply)
        self._vault.deks.invalidate(erasure.subject)
        return True

    async def _live(self, erasure: Erasure) -> bool:
        """All workers have dropped the keys they held, and the bytes of the files are gone from their store."""
        if erasure.cache_order is None or not await obeyed(self._vault.pool, erasure.cache_order):
            return False
        if (await store.fetch(self._vault.pool, FILES_ARE_LEFT, erasure.id))[0][0]:
            return False

        async def apply(acquired: asyncpg.Connection) -> None:
            await self._require_step(acquired, erasure)
            await acquired.execute(sql.LIVE, erasure.id)
            await write_documents(self._vault, acquired, await _again(acquired, erasure), stage="live")

        await self._commit(erasure, "erase_live", apply)
        return True

    async def _public(self, erasure: Erasure) -> bool:
        """The public contour has taken the order: its events have left the outbox."""
        if await store.fetch(self._vault.pool, sql.STILL_ORDERED, list(erasure.events)):
            return False

        async def apply(acquired: asyncpg.Connection) -> None:
            await self._require_step(acquired, erasure)
            await acquired.execute(sql.PUBLIC, erasure.id)

        await self._commit(erasure, "erase_public", apply)
        return True

    async def _final(self, erasure: Erasure) -> bool:
        """The key versions that an older backup would need are destroyed."""
        rows = await store.fetch(self._vault.pool, sql.TRIMMED, erasure.id)
        if not rows[0][0]:
            return False

        async def apply(acquired: asyncpg.Connection) -> None:
            await self._require_step(acquired, erasure)
            await acquired.execute(sql.FINAL, erasure.id)
            await write_documents(self._vault, acquired, await _again(acquired, erasure), stage="final")

        await self._commit(erasure, "erase_final", apply)
        return True

    async def _require_step(self, acquired: asyncpg.Connection, erasure: Erasure) -> None:
        """Locks the erasure until the transaction ends. Raises Overtaken."""
        row = await acquired.fetchrow(sql.LOCK_ERASURE, erasure.id)
        following = STEPS[STEPS.index(erasure.step) + 1]
        if row is None or row[following] is not None:
            raise Overtaken

    async def _commit(self, erasure: Erasure, verb: str, apply: Apply) -> None:
        await self._record(self._entry(erasure.tenant, erasure.subject, verb, {}), apply)

    async def _record(self, entry: AuditEntry, apply: Apply) -> None:
        with contextlib.suppress(Overtaken):
            await self._vault.audit.commit(entry, apply=apply)

    def _entry(self, tenant: str, subject: bytes, verb: str, counts: Counts) -> AuditEntry:
        who = Principal(kind="service", id=ERASER, tenant=tenant, roles=(), contour="private")
        return new_entry(
            self._vault,
            who,
            verb=verb,
            purpose=PURPOSE,
            request_id=new_request_id(),
            decision="allow",
            counts=counts,
            subjects=[subject],
        )


@contextlib.contextmanager
def _set_aside(what: str) -> Iterator[None]:
    """Whatever stops one person's erasure is told, and does not stop those of the others."""
    try:
        yield
    except VaultError as error:
        logger.warning("%s: %s", what, error.code)
    except Exception as error:  # noqa: BLE001  a driver's error, a limit of time: it is tried again in the next round
        logger.error("%s: %s", what, type(error).__name__)  # noqa: TRY400  the text may quote a row


def _require_something(plan: Plan) -> None:
    if plan.state == ERASED.decode():
        raise SubjectErased
    if plan.kept and not plan.erased and not plan.keys:
        raise NothingToErase


def _counts(**outcomes: dict[str, int]) -> Counts:
    return {outcome: classes for outcome, classes in outcomes.items() if classes}


async def _again(acquired: asyncpg.Connection, erasure: Erasure) -> Erasure:
    """The erasure as this transaction has changed it."""
    return read_erasure(await acquired.fetchrow(sql.ERASURE, erasure.id), tenant=erasure.tenant)
