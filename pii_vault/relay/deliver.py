"""What waits is sent: values are read, filled in and forgotten within one call; the result goes on the record."""

import asyncio
import json
import logging
import random
from datetime import timedelta
from typing import Any, Final

import asyncpg

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.audit.log import AuditEntry
from pii_vault.errors import VaultError
from pii_vault.operations.access import new_entry
from pii_vault.relay import store as sql
from pii_vault.relay.errors import SendingFailed
from pii_vault.relay.outside import Outside
from pii_vault.relay.send import Dispatch, Outcome, Post
from pii_vault.relay.submit import approved
from pii_vault.relay.template import Template
from pii_vault.store import DATABASE_ERRORS
from pii_vault.vault import Vault, new_request_id

logger = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=90)  # well over the longest sending
IN_PARALLEL: Final = 8
ATTEMPTS: Final = 8
PAUSES: Final = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0)  # seconds; some four hours in all
POLL_SECONDS: Final = 1.0
_AWAY: Final = 503


class Sender:
    """One per private worker; several share the work."""

    def __init__(self, vault: Vault, outside: Outside) -> None:
        self._vault = vault
        self._post = Post(vault, outside)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                sent = await self.once()
            except (*DATABASE_ERRORS, VaultError) as error:
                logger.warning("the relay's queue cannot be read: %s", type(error).__name__)
                sent = 0
            if sent < IN_PARALLEL:
                await asyncio.sleep(POLL_SECONDS)

    async def once(self) -> int:
        """Sends what is due, at most IN_PARALLEL; gives how many were taken up. Nothing while the gate is shut."""
        if self._vault.shut is not None:
            return 0
        async with store.connection(self._vault.pool) as connection:
            rows = await connection.fetch(sql.CLAIM, IN_PARALLEL, LEASE)
        await asyncio.gather(*(self._take(Dispatch(*row)) for row in rows))
        return len(rows)

    async def _take(self, dispatch: Dispatch) -> None:
        template = None
        try:
            template = await approved(self._vault, dispatch.tenant_key, dispatch.template, dispatch.version)
            # Over the last attempt only where outcomes could not be noted: better told as unknown than sent for ever.
            outcome = (
                await self._post.send(dispatch, template)
                if dispatch.attempts <= ATTEMPTS
                else Outcome("dead", "outcome_unknown")
            )
        except SendingFailed as error:
            if error.again and dispatch.attempts < ATTEMPTS:
                await self._later(dispatch, error.code)
                return
            outcome = Outcome("dead", error.code)
        except (VaultError, *DATABASE_ERRORS) as error:
            code = getattr(error, "code", "store_unavailable")
            if getattr(error, "status_code", _AWAY) == _AWAY:  # the vault's own trouble, of a moment
                await self._later(dispatch, code)
                return
            outcome = Outcome("dead", code)
        except Exception as error:  # noqa: BLE001  its text may quote a value; one dispatch must not stop the others
            logger.error("dispatch %s cannot be sent: %s", dispatch.id, type(error).__name__)  # noqa: TRY400  the same
            outcome = Outcome("dead", "cannot_be_sent")
        await self._finish(dispatch, template, outcome)

    async def _later(self, dispatch: Dispatch, failure: str) -> None:
        pause = PAUSES[min(dispatch.attempts - 1, len(PAUSES) - 1)] * random.uniform(0.8, 1.2)  # noqa: S311
        try:
            async with store.connection(self._vault.pool) as connection:
                await connection.execute(sql.LATER, dispatch.id, timedelta(seconds=pause), failure)
        except (VaultError, *DATABASE_ERRORS) as error:  # the lease runs out by itself
            logger.warning("dispatch %s: its failure was not noted: %s", dispatch.id, type(error).__name__)

    async def _finish(self, dispatch: Dispatch, template: Template | None, outcome: Outcome) -> None:
        """State and record in one transaction. What cannot be recorded is found again when the lease is over."""
        answer = None if outcome.answer is None else json.dumps(outcome.answer)

        async def apply(connection: asyncpg.Connection) -> None:
            await connection.execute(
                sql.FINISH, dispatch.id, outcome.state, outcome.failure, outcome.outside_id, answer
            )

        try:
            await self._vault.audit.commit(self._entry(dispatch, template, outcome), apply=apply)
        except (VaultError, *DATABASE_ERRORS) as error:
            logger.warning("dispatch %s: its outcome was not noted: %s", dispatch.id, type(error).__name__)

    def _entry(self, dispatch: Dispatch, template: Template | None, outcome: Outcome) -> AuditEntry:
        kind, _, name = dispatch.principal.partition(":")
        sender: Any = {"kind": kind, "id": name, "tenant": dispatch.tenant, "roles": (), "contour": "private"}
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
