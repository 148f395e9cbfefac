"""Connections that stay with whoever works in groups: taking one from the pool for each group costs more than the
group's own statement. Left alone for a moment, they go back to the pool.
"""

import asyncio
from contextlib import suppress
from typing import Any, Final

import asyncpg

from pii_vault import store
from pii_vault.errors import StoreUnavailable

KEEP_SECONDS: Final = 0.5


class KeptConnections:
    """As many as were in use at once. Belongs to one event loop."""

    def __init__(self, pool: asyncpg.Pool, *, seconds: float = store.ACQUIRE_SECONDS) -> None:
        """`seconds`: how long to wait for the pool."""
        self._pool = pool
        self._seconds = seconds
        self._free: list[asyncpg.Connection] = []
        self._used = False
        self._timer: asyncio.TimerHandle | None = None
        self._releasing: set[asyncio.Task[None]] = set()

    async def take(self) -> asyncpg.Connection:
        """A connection; give it back whatever happens. Raises what the pool raises (store.DATABASE_ERRORS)."""
        while self._free:
            connection = self._free.pop()
            if _usable(connection):
                return connection
            await self._release(connection)
        return await self._pool.acquire(timeout=self._seconds)

    def give(self, connection: asyncpg.Connection) -> None:
        """Back from whoever took it; a broken one is replaced when the next is taken."""
        self._free.append(connection)
        self._used = True
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(KEEP_SECONDS, self._tick)

    async def fetch(self, statement: str, *arguments: object) -> list[Any]:
        """`store.fetch` on a kept connection, with the same promises. Raises StoreUnavailable."""
        try:
            connection = await self.take()
        except store.DATABASE_ERRORS as error:
            raise StoreUnavailable from error
        rows: list[Any]
        try:
            rows = await connection.fetch(statement, *arguments)
        except store.GONE as error:
            if not store.is_lost(error):
                raise StoreUnavailable from error
            rows = await store.fetch(self._pool, statement, *arguments)
        finally:
            self.give(connection)
        return rows

    async def close(self) -> None:
        """Give all of them back to the pool; one that cannot be given back keeps no other here."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        free, self._free = self._free, []
        given = await asyncio.gather(*map(self._release, free), return_exceptions=True)
        for failure in filter(None, given):
            raise failure

    async def _release(self, connection: asyncpg.Connection) -> None:
        """One that was lost meanwhile may have gone back by itself; the pool says so by an error, and has a new one."""
        with suppress(*store.DATABASE_ERRORS):
            await self._pool.release(connection)

    def _tick(self) -> None:
        self._timer = None
        if self._used:
            self._used = False
            self._timer = asyncio.get_running_loop().call_later(KEEP_SECONDS, self._tick)
            return
        task = asyncio.get_running_loop().create_task(self.close())
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)


def _usable(connection: asyncpg.Connection) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:  # it was ended while it lay here, and the pool has taken note
        return False
