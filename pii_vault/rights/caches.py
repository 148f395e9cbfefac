"""What workers hold in memory of a person, dropped by all of them before an erasure or a block is called done.

Each process that serves keeps a row here and looks for orders twice a second; it drops the keys of the person named and
says so. One that is cut off from the database drops all its keys by itself before its lease is over, and a dead one
has none: so a worker that was not seen for the lease counts as having obeyed.
"""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import asyncpg

from pii_vault import store
from pii_vault.errors import StoreUnavailable
from pii_vault.vault import Vault

if TYPE_CHECKING:
    from pii_vault.keys.cache import DekCache

logger = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=20)
POLL_SECONDS: Final = 0.5
SEEN_SECONDS: Final = 4.0
ROUND_SECONDS: Final = 3.0  # and store.ACQUIRE_SECONDS at most to give a connection back that hangs
ALONE_SECONDS: Final = 10.0  # with a round that hangs, and the lease begun up to SEEN_SECONDS before: within the lease

SEEN: Final = """
INSERT INTO cache_worker (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET seen = now()
"""
OPEN_ORDERS: Final = """
SELECT o.id, o.subject FROM cache_order o
WHERE NOT EXISTS (SELECT FROM cache_ack a WHERE a.order_id = o.id AND a.worker = $1) ORDER BY o.id LIMIT 10000
"""
ACKNOWLEDGE: Final = """
INSERT INTO cache_ack (order_id, worker) SELECT unnest($2::bigint[]), $1 ON CONFLICT DO NOTHING
"""
LEAVE: Final = "DELETE FROM cache_worker WHERE id = $1"
ORDER: Final = "INSERT INTO cache_order (subject) VALUES ($1) RETURNING id"
OBEYED: Final = """
SELECT NOT EXISTS (
    SELECT FROM cache_worker w WHERE w.seen > now() - $2::interval
    AND NOT EXISTS (SELECT FROM cache_ack a WHERE a.order_id = $1 AND a.worker = w.id)
)
"""
TIDY: Final = (
    "DELETE FROM cache_worker WHERE seen < now() - interval '1 day'",
    "DELETE FROM cache_ack a USING cache_order o WHERE o.id = a.order_id AND o.created < now() - interval '7 days'",
    "DELETE FROM cache_order WHERE created < now() - interval '7 days'",
)


async def order_drop(connection: asyncpg.Connection, subject: bytes) -> int:
    """Tells every worker, with the COMMIT of this transaction, to drop the person's keys; gives the order's number."""
    return int(await connection.fetchval(ORDER, subject))


async def obeyed(pool: asyncpg.Pool, order: int) -> bool:
    """Whether no living worker holds keys of this order's person any more. Raises StoreUnavailable."""
    rows = await store.fetch(pool, OBEYED, order, LEASE)
    return bool(rows[0][0])


async def tidy(pool: asyncpg.Pool) -> None:
    """Forgets workers and orders of long ago."""
    async with store.connection(pool) as acquired:
        for statement in TIDY:
            await acquired.execute(statement)


class Obedience:
    """One worker's part. `tick` does one round; it never raises for a database that is away."""

    def __init__(
        self, pool: asyncpg.Pool, deks: "DekCache", *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.worker = os.urandom(16)
        self._pool = pool
        self._deks = deks
        self._monotonic = monotonic
        self._heard = monotonic()
        self._said = -SEEN_SECONDS

    async def tick(self) -> int:
        """Says that the worker lives, obeys what was ordered; gives the number of orders obeyed."""
        now = self._monotonic()
        try:
            async with asyncio.timeout(ROUND_SECONDS), store.connection(self._pool) as acquired:
                if now - self._said >= SEEN_SECONDS:
                    await acquired.execute(SEEN, self.worker)
                    self._said = now
                orders = await acquired.fetch(OPEN_ORDERS, self.worker)
                for order in orders:
                    self._deks.invalidate(order["subject"])
                if orders:
                    await acquired.execute(ACKNOWLEDGE, self.worker, [order["id"] for order in orders])
        except (StoreUnavailable, TimeoutError, asyncpg.PostgresError):
            if self._monotonic() - self._heard > ALONE_SECONDS:
                self._deks.clear()
            return 0
        self._heard = now
        return len(orders)

    async def run(self) -> None:
        while True:
            await self.tick()
            await asyncio.sleep(POLL_SECONDS)

    async def leave(self) -> None:
        """The process ends: nobody need wait for it."""
        self._deks.clear()
        with contextlib.suppress(StoreUnavailable, asyncpg.PostgresError):
            async with store.connection(self._pool) as acquired:
                await acquired.execute(LEAVE, self.worker)


@asynccontextmanager
async def obeying(vault: Vault) -> AsyncIterator[None]:
    """While this lasts, the process drops keys when it is told to. Enter it before the first request is served."""
    obedience = Obedience(vault.pool, vault.deks)
    await obedience.tick()
    task = asyncio.create_task(obedience.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await obedience.leave()
