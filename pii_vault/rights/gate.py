"""Nothing is served by a database that was restored and not yet brought up to the erasure journal.

The gate looks at start, before the first request, and every few seconds after: a backup may be put under a vault that
runs. While it is shut every request but the liveness probe gets 503, and the worker's duties rest.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Literal

from starlette.types import ASGIApp, Receive, Scope, Send

from pii_vault.errors import StoreUnavailable, VaultError
from pii_vault.problems import problem
from pii_vault.rights.errors import GateBlind, JournalBroken, RestorePending
from pii_vault.rights.journal import ErasureJournal
from pii_vault.rights.restore import NEWEST, compare, replay
from pii_vault.vault import Vault

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 2.0
WHOLE_SECONDS: Final = 3600.0  # a line of long ago that was changed under a vault that runs is found within this time
LIVENESS: Final = "/healthz"
Replay = Literal["manual", "automatic"]


class RestoreGate:
    """While the vault is shut, `vault.shut` is the error to answer with."""

    def __init__(self, vault: Vault, journal: ErasureJournal, *, replay: Replay = "manual") -> None:
        vault.shut = StoreUnavailable()  # until it was looked at
        self._open = asyncio.Event()
        self._vault = vault
        self._journal = journal
        self._replay = replay

    async def look(self, *, whole: bool = False) -> bool:
        """Opens or shuts; whether it is open now. A database that is away changes nothing.

        A shut gate, and `whole`, look at every line of the journal; else the newest lines tell. What nobody foresaw
        shuts it: a gate that cannot see guards nothing.
        """
        newest = None if whole or self._vault.shut is not None else NEWEST
        try:
            standing = await compare(self._vault.pool, self._journal, newest=newest)
            if standing.pending and self._replay == "automatic":
                await replay(self._vault, self._journal)
                standing = await compare(self._vault.pool, self._journal)
        except JournalBroken as error:
            self._turn(error)
        except StoreUnavailable:
            pass
        except VaultError as error:
            logger.warning("the erasure journal cannot be replayed now: %s", error.code)
        except Exception as error:  # noqa: BLE001  the watching goes on, and the next look may see again
            logger.error("the restore gate cannot look: %s", type(error).__name__)  # noqa: TRY400  it may quote a row
            self._turn(GateBlind())
        else:
            self._turn(RestorePending() if standing.pending else None)
        return self._vault.shut is None

    def _turn(self, shut: VaultError | None) -> None:
        if type(shut) is not type(self._vault.shut):
            if shut is not None:
                logger.error("nothing is served: %s", shut.detail)
            else:
                logger.info("the database is up to the erasure journal: serving")
        self._vault.shut = shut
        if shut is None:
            self._open.set()
        else:
            self._open.clear()

    async def opened(self) -> None:
        """Waits until the gate is open."""
        await self._open.wait()

    async def run(self) -> None:
        looked = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            whole = time.monotonic() - looked >= WHOLE_SECONDS
            if whole:
                looked = time.monotonic()
            await self.look(whole=whole)

    def before(self, app: ASGIApp) -> ASGIApp:
        """The application behind the gate."""
        return _Gated(self._vault, app)


class _Gated:
    def __init__(self, vault: Vault, app: ASGIApp) -> None:
        self._vault = vault
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        shut = self._vault.shut
        if shut is None or scope["type"] != "http" or scope["path"] == LIVENESS:
            await self._app(scope, receive, send)
        else:
            await problem(shut)(scope, receive, send)


@asynccontextmanager
async def watching(vault: Vault, journal: ErasureJournal, *, replay: Replay = "manual") -> AsyncIterator[RestoreGate]:
    """A gate that has looked once and goes on looking."""
    gate = RestoreGate(vault, journal, replay=replay)
    await gate.look(whole=True)
    task = asyncio.create_task(gate.run())
    try:
        yield gate
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
