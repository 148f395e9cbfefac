"""What waits is sent: values are read, filled in and forgotten within one call; the result goes on the record."""

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

import asyncpg

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.audit.log import AuditEntry
from pii_vault.errors import VaultError
from pii_vault.operations.access import new_entry
from pii_vault.relay import store as sql
from pii_vault.relay.errors import NotYet, OutcomeUnknown, Overtaken, SendingFailed
from pii_vault.relay.outside import Outside
from pii_vault.relay.queue import IN_PARALLEL, Dispatch, Pair, claim
from pii_vault.relay.send import Outcome, Post
from pii_vault.relay.submit import approved
from pii_vault.relay.tell import tell
from pii_vault.relay.template import Template
from pii_vault.store import DATABASE_ERRORS
from pii_vault.vault import Vault, new_request_id

logger = logging.getLogger(__name__)

ATTEMPTS: Final = 8
PAUSES: Final = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0)  # seconds; some four hours in all
HOURS_PAUSE: Final = timedelta(minutes=10)
POLL_SECONDS: Final = 1.0
UNKNOWN: Final = Outcome("unknown", "outcome_unknown")
_AWAY: Final = 503


class Sender:
    """One per private worker; several share the work."""

    def __init__(self, vault: Vault, outside: Outside, *, vault_origin: str) -> None:
        """`vault_origin`: where links to confirm a consent lead."""
        self._vault = vault
        self._post = Post(vault, outside, vault_origin=vault_origin)
        self._under_way: dict[asyncio.Task[None], Pair] = {}

    async def run(self) -> None:
        """Until it is cancelled; then what is under way is cancelled too, and its leases run out."""
        try:
            while True:
                try:
                    await self.start()
                except (*DATABASE_ERRORS, VaultError) as error:
                    logger.warning("the relay's queue cannot be read: %s", type(error).__name__)
                if len(self._under_way) < IN_PARALLEL:
                    await asyncio.sleep(POLL_SECONDS)
                else:
                    await asyncio.wait(self._under_way, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def once(self) -> int:
        """Sends what may be sent now and waits for it; gives how many were taken up."""
        started = await self.start()
        await asyncio.gather(*self._under_way)
        return started

    async def start(self) -> int:
        """Takes up what is due and has room; gives how many. Nothing while the restore gate is shut."""
        if self._vault.shut is not None:
            return 0
        found = await claim(self._vault.pool, busy=self._under_way.values())
        for dispatch in found:
            task = asyncio.create_task(self._take(dispatch))
            self._under_way[task] = dispatch.pair
            task.add_done_callback(self._under_way.pop)
        return len(found)

    async def _take(self, dispatch: Dispatch) -> None:
        template = None
        try:
            template = await approved(self._vault, dispatch.tenant_key, dispatch.template, dispatch.version)
            outcome = await self._outcome(dispatch, template)
        except Overtaken:
            return
        except NotYet as error:
            await self._note(dispatch, sql.POSTPONE, HOURS_PAUSE, error.code)
            return
        except SendingFailed as error:
            if error.again and dispatch.attempts < ATTEMPTS:
                await self._later(dispatch, error.code)
                return
            outcome = Outcome("dead", error.code)
        except (VaultError, *DATABASE_ERRORS) as error:
            code = getattr(error, "code", "store_unavailable")
            own = getattr(error, "status_code", _AWAY) == _AWAY  # the vault's own trouble, of a moment or of hours
            if own and dispatch.attempts < ATTEMPTS:
                await self._later(dispatch, code)
                return
            outcome = Outcome("dead", code)
        except Exception as error:  # noqa: BLE001  its text may quote a value; one dispatch must not stop the others
            logger.error("dispatch %s cannot be sent: %s", dispatch.id, type(error).__name__)  # noqa: TRY400  the same
            outcome = Outcome("dead", "cannot_be_sent")
        await self._finish(dispatch, template, outcome)

    async def _outcome(self, dispatch: Dispatch, template: Template | None) -> Outcome:
        """Over the last attempt only where outcomes could not be noted: better told as unknown than sent for ever."""
        if dispatch.state == "sending" or dispatch.attempts > ATTEMPTS:
            return UNKNOWN
        try:
            return await self._post.send(dispatch, template, hand_over=self._handing_over(dispatch))
        except OutcomeUnknown:
            return UNKNOWN

    def _handing_over(self, dispatch: Dispatch) -> Callable[[], Awaitable[None]]:
        async def hand_over() -> None:
            """From this commit on a crash leaves the outcome unknown, and never a second mail."""
            if not await store.fetch(self._vault.pool, sql.HAND_OVER, dispatch.id, dispatch.attempts):
                raise Overtaken

        return hand_over

    async def _later(self, dispatch: Dispatch, failure: str) -> None:
        pause = PAUSES[min(dispatch.attempts - 1, len(PAUSES) - 1)] * random.uniform(0.8, 1.2)  # noqa: S311
        await self._note(dispatch, sql.LATER, timedelta(seconds=pause), failure)

    async def _note(self, dispatch: Dispatch, statement: str, pause: timedelta, failure: str) -> None:
        try:
            async with store.connection(self._vault.pool) as connection:
                await connection.execute(statement, dispatch.id, dispatch.attempts, pause, failure)
        except (VaultError, *DATABASE_ERRORS) as error:  # the lease runs out by itself
            logger.warning("dispatch %s: its failure was not noted: %s", dispatch.id, type(error).__name__)

    async def _finish(self, dispatch: Dispatch, template: Template | None, outcome: Outcome) -> None:
        """State, record and what the public contour is told in one transaction. What cannot be recorded is found
        again when the lease is over.
        """
        answer = None if outcome.answer is None else json.dumps(outcome.answer)
        now = self._vault.clock()

        async def apply(connection: asyncpg.Connection) -> None:
            row = await connection.fetchrow(
                sql.FINISH,
                dispatch.id,
                outcome.state,
                outcome.failure,
                outcome.outside_id,
                answer,
                dispatch.attempts,
            )
            await tell(connection, row, at=now)

        try:
            await self._vault.audit.commit(self._entry(dispatch, template, outcome), apply=apply)
        except (VaultError, *DATABASE_ERRORS) as error:
            logger.warning("dispatch %s: its outcome was not noted: %s", dispatch.id, type(error).__name__)

    def _entry(self, dispatch: Dispatch, template: Template | None, outcome: Outcome) -> AuditEntry:
        kind, _, name = dispatch.principal.partition(":")
        sender: Any = {"kind": kind, "id": name, "tenant": dispatch.tenant, "roles": (), "contour": dispatch.contour}
        return new_entry(
            self._vault,
            Principal(**sender),
            verb="relay",
            purpose=template.purpose if template is not None else "",
            request_id=new_request_id(),
            decision=outcome.state,
            counts={outcome.state: dict.fromkeys(template.classes if template else (), 1)},
            subjects=[dispatch.subject],
        )


async def purge_dispatches(pool: asyncpg.Pool) -> None:
    """Forgets what was finished long ago. For the worker, now and then."""
    for statement in sql.PURGE:
        async with store.connection(pool) as connection:
            await connection.execute(statement)
