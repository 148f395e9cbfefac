"""One hot standby, as one worker sees it: whether it may be asked, how far it is, how far behind.

Looked at twice a second, and at once after a change of what may be released. One that failed a request is not asked
again for a while that doubles up to PAUSE_SECONDS.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import asyncpg

from pii_vault import store
from pii_vault.errors import StoreUnavailable
from pii_vault.replicas import metrics
from pii_vault.replicas.fence import FETCH_FENCE, Fence, read_fence

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.5
SOON_SECONDS: Final = 0.02  # while it lacks a change that the primary has
STANDBY_SECONDS: Final = 1.0  # for one statement: then the primary is asked
FIRST_PAUSE_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 30.0
POOL_SIZE: Final = 4


class Standby:
    """`fence` is what it was last seen to have; None while it is not to be asked. Belongs to one event loop."""

    def __init__(
        self,
        number: int,
        url: str,
        *,
        seconds: float = STANDBY_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`number` names it in logs and metrics: its place in the settings, from 1. `seconds`: for one statement."""
        self.fence: Fence | None = None
        self.seconds = seconds
        self._name = str(number)
        self._url = url
        self._monotonic = monotonic
        self._pool: asyncpg.Pool | None = None
        self._pause = FIRST_PAUSE_SECONDS
        self._rests_until = 0.0
        self._awaited: deque[tuple[float, int]] = deque(maxlen=4096)  # when the primary's log had which size
        self._wake = asyncio.Event()

    @property
    def pool(self) -> asyncpg.Pool:
        """Open since the first look."""
        if self._pool is None:
            raise RuntimeError("internal error: the standby has not been looked at")
        return self._pool

    async def fetch(self, statement: str, *arguments: object) -> list[Any]:
        """Rows of one statement. Raises what the driver raises (store.DATABASE_ERRORS)."""
        async with self.pool.acquire(timeout=self.seconds) as acquired:
            rows: list[Any] = await acquired.fetch(statement, *arguments, timeout=self.seconds)
            return rows

    def failed(self, error: BaseException) -> None:
        """It did not answer a request: it is left alone for a while."""
        logger.warning("standby %s is not asked for %.0f s: %s", self._name, self._pause, type(error).__name__)
        self.fence = None
        self._rests_until = self._monotonic() + self._pause
        self._pause = min(2 * self._pause, PAUSE_SECONDS)

    def answered(self) -> None:
        """It answered a request."""
        self._pause = FIRST_PAUSE_SECONDS

    def look_soon(self) -> None:
        """The primary has a change that this one was not seen to have."""
        self._wake.set()

    async def look(self, primary: Fence) -> None:
        """Asks how far it is. `primary` was read just before. Never raises for a standby that is away."""
        now = self._monotonic()
        if not self._awaited or self._awaited[-1][1] < primary.size:
            self._awaited.append((now, primary.size))
        if now >= self._rests_until:
            try:
                if self._pool is None:
                    self._pool = await store.create_pool(self._url, size=POOL_SIZE, standby=True)
                seen = read_fence(await self.fetch(FETCH_FENCE))
            except (*store.DATABASE_ERRORS, StoreUnavailable, ValueError) as error:
                self.failed(error)
            else:
                if self.fence is None:
                    logger.info("standby %s may be asked", self._name)
                self.fence = seen
                while self._awaited and self._awaited[0][1] <= seen.size:
                    self._awaited.popleft()
        metrics.LAG_SECONDS.labels(self._name).set(self._monotonic() - self._awaited[0][0] if self._awaited else 0)
        metrics.USABLE.labels(self._name).set(self.fence is not None)

    async def rest(self, primary: Fence | None) -> None:
        """Returns when it is time to look again."""
        lacks_change = primary is not None and self.fence is not None and self.fence.mark != primary.mark
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SOON_SECONDS if lacks_change else LOOK_SECONDS):
                await self._wake.wait()
        self._wake.clear()

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()
