"""How long a group waits for those who are about to join it.

Callers who were served together come back together, so the last group and those who waited behind it say how many to
expect. Sharing one statement or one COMMIT among all of them costs a fraction of two halves; a caller who is alone
waits for nobody, and a crowd that does not come back delays one group by GATHER_SECONDS, no more.
"""

import asyncio
from typing import Final

GATHER_SECONDS: Final = 0.002


class Crowd:
    """Of one queue. Its owner says who came, asks before it takes a group, and tells when the group was served."""

    def __init__(self, *, seconds: float = GATHER_SECONDS) -> None:
        self._seconds = seconds
        self._expected = 1
        self._gathered: asyncio.Future[None] | None = None

    def came(self, waiting: int) -> None:
        """So many wait now."""
        if waiting >= self._expected:
            self._go()

    async def gather(self, waiting: int) -> None:
        """Returns when as many wait as are expected, or when the time is up."""
        if waiting >= self._expected:
            return
        loop = asyncio.get_running_loop()
        self._gathered = loop.create_future()
        timer = loop.call_later(self._seconds, self._go)
        try:
            await self._gathered
        finally:
            timer.cancel()
            self._gathered = None

    def served(self, size: int, waiting: int) -> None:
        """A group of this size got its answers, and so many wait behind it."""
        self._expected = max(1, size + waiting)

    def _go(self) -> None:
        if self._gathered is not None and not self._gathered.done():
            self._gathered.set_result(None)
