"""Reads that a hot standby may answer, and the primary wherever that could be a wrong answer.

Asked first is the primary, for its mark and the size of its log (fence.py): one small statement, whatever the size of
the request. A standby then answers only in a snapshot that bears this mark. So a person who was blocked or erased, or
withdrew a consent, before the request came is so for the standby too, however far behind it is. What a standby does not
have, the primary is asked for; who looks for something, and could not tell what is missing, waits for the standby to
have replayed the log, for `wait` seconds at most, and then asks the primary.
"""

import asyncio
import functools
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import asyncpg

from pii_vault import store
from pii_vault.errors import StoreUnavailable
from pii_vault.kept import KeptConnections
from pii_vault.packed import FETCH_PACKED, PackedRows, read_packed
from pii_vault.replicas import metrics
from pii_vault.replicas.fence import FETCH_FENCE, Fence, behind_mark, read_fence
from pii_vault.replicas.standby import Standby

T = TypeVar("T")

WAIT_SECONDS: Final = 0.02
STEP_SECONDS: Final = 0.004


class _Behind(Exception):
    """The standby did not get as far in time."""


class Replicas:
    """The standbys of one worker. Without any, everything is read from the primary and nothing is asked twice."""

    def __init__(self, pool: asyncpg.Pool, standbys: Sequence[Standby] = (), *, wait: float = WAIT_SECONDS) -> None:
        self._pool = pool
        self._kept = KeptConnections(pool)
        self._standbys = tuple(standbys)
        self._wait = wait
        self._turn = itertools.count()
        self._tasks: list[asyncio.Task[None]] = []

    async def values(self, tenant_key: int, tokens: Sequence[bytes]) -> PackedRows:
        """Rows of these tokens as they are, from wherever. Raises StoreUnavailable."""
        if not self._standbys:
            return read_packed(await store.fetch(self._pool, FETCH_PACKED, tokens, tenant_key))
        rows = read_packed(await self.known(FETCH_PACKED, tokens, tenant_key))
        found = rows.by_token()
        if len(found) < len(tokens):
            missing = [token for token in tokens if token not in found]
            more = read_packed(await store.fetch(self._pool, FETCH_PACKED, missing, tenant_key))
            metrics.COMPLETED.inc(len(more.by_token()))
            rows = rows.joined(more)
        return rows

    async def known(self, statement: str, *arguments: object) -> list[Any]:
        """What a standby has, if one bears the primary's mark, or nothing: ask the primary for what is missing.

        `statement` ends with its WHERE clause. Raises StoreUnavailable.
        """
        if not self._standbys:
            return []
        fence = await self._primary_fence()
        standby = self._choose(fence)
        if standby is None:
            return []
        try:
            rows = await standby.fetch(_marked(statement, len(arguments) + 1), *arguments, fence.mark)
        except store.DATABASE_ERRORS as error:
            standby.failed(error)
            metrics.READS.labels("broken").inc()
            return []
        _served(standby)
        return rows

    async def run(self, work: Callable[[store.Fetch], Awaitable[T]], *, after: int | None = None) -> T:
        """The result of `work`, which reads by the function it is given and may be begun anew with another.

        It sees all that was committed before this call; with `after`, all acts up to that size of the log, and in
        either case everything that changes what may be released.

        Raises:
            StoreUnavailable, and what `work` raises.
        """
        if self._standbys:
            fence = await self._primary_fence()
            wanted = fence if after is None else Fence(fence.mark, after)
            standby = self._choose(fence) if wanted.size <= fence.size else None
            if standby is not None:
                try:
                    async with self._snapshot(standby, wanted) as read:
                        result = await work(read)
                except _Behind:
                    metrics.READS.labels("behind").inc()
                except store.DATABASE_ERRORS as error:  # of the standby: the primary's come as StoreUnavailable
                    standby.failed(error)
                    metrics.READS.labels("broken").inc()
                else:
                    _served(standby)
                    return result
        return await work(functools.partial(store.fetch, self._pool))

    async def start(self) -> None:
        """Looks at each standby once, then goes on looking. Raises StoreUnavailable: the primary is away."""
        await self.look()
        self._tasks = [asyncio.create_task(self._watch(standby)) for standby in self._standbys]

    async def look(self) -> None:
        """Asks each standby how far it is. Raises StoreUnavailable: the primary is away."""
        if self._standbys:
            fence = await self._primary_fence()
            await asyncio.gather(*(standby.look(fence) for standby in self._standbys))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(standby.close() for standby in self._standbys))
        await self._kept.close()

    async def _watch(self, standby: Standby) -> None:
        fence: Fence | None = None
        while True:
            await standby.rest(fence)
            try:
                fence = await self._primary_fence()
            except StoreUnavailable:
                fence = None  # nothing can be released without the primary: the standby can wait
            else:
                await standby.look(fence)

    async def _primary_fence(self) -> Fence:
        return read_fence(await self._kept.fetch(FETCH_FENCE))

    def _choose(self, fence: Fence) -> Standby | None:
        """In turn, one of those that were seen with this mark."""
        usable = [standby for standby in self._standbys if standby.fence is not None]
        marked = [standby for standby in usable if standby.fence is not None and standby.fence.mark == fence.mark]
        if marked:
            return marked[next(self._turn) % len(marked)]
        for standby in usable:
            standby.look_soon()
        metrics.READS.labels("behind" if usable else "broken").inc()
        return None

    @asynccontextmanager
    async def _snapshot(self, standby: Standby, wanted: Fence) -> AsyncIterator[store.Fetch]:
        """Reads of one moment that is not before `wanted`. Raises _Behind, and what the driver raises."""
        until = time.monotonic() + self._wait
        async with standby.pool.acquire(timeout=standby.seconds) as acquired:
            read = functools.partial(acquired.fetch, timeout=standby.seconds)
            while True:
                async with acquired.transaction(isolation="repeatable_read", readonly=True):
                    seen = read_fence(await read(FETCH_FENCE))
                    if seen.mark == wanted.mark and seen.size >= wanted.size:
                        yield read
                        return
                if seen.mark != wanted.mark or time.monotonic() >= until:
                    raise _Behind
                await asyncio.sleep(STEP_SECONDS)


def _served(standby: Standby) -> None:
    standby.answered()
    metrics.READS.labels("replica").inc()


_marked = functools.cache(behind_mark)
