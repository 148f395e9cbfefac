"""Files that must go: those of an erased person, and those that no row knows."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import asyncpg

from pii_vault import store
from pii_vault.files.port import FileStore
from pii_vault.files.rows import ORDERED, REMOVED, known_names
from pii_vault.vault import utc_now

UNKNOWN_FOR: Final = timedelta(days=1)  # an upload of 2 GiB is long over by then
SWEEP_SECONDS: Final = 3600.0
STEP_SECONDS: Final = 1.0
_BATCH: Final = 500


async def run_files(pool: asyncpg.Pool, files: FileStore, *, opened: Callable[[], Awaitable[None]]) -> None:
    """The private worker's part, until it is cancelled; several processes may do it at once.

    `opened` waits for the restore gate: an older database knows fewer files, and must not have the others swept.
    """
    swept = -SWEEP_SECONDS
    while True:
        await opened()
        await remove_ordered(pool, files)
        if time.monotonic() - swept >= SWEEP_SECONDS:
            await sweep(pool, files, now=utc_now())
            swept = time.monotonic()
        await asyncio.sleep(STEP_SECONDS)


async def remove_ordered(pool: asyncpg.Pool, files: FileStore) -> int:
    """Deletes the bytes of erased persons' files; gives how many. May be broken off and done again.

    Raises StoreUnavailable, FileStoreUnavailable.
    """
    removed = 0
    while names := [row[0] for row in await store.fetch(pool, ORDERED)]:
        for name in names:
            await files.delete(name)
        await store.fetch(pool, REMOVED, names)
        removed += len(names)
    return removed


async def sweep(pool: asyncpg.Pool, files: FileStore, *, now: datetime) -> int:
    """Deletes what is in the store and in no row: uploads whose act never came about. Gives how many.

    Raises StoreUnavailable, FileStoreUnavailable.
    """
    remaining = iter([name async for name in files.names(before=now - UNKNOWN_FOR)])
    removed = 0
    while batch := list(islice(remaining, _BATCH)):
        known = await known_names(pool, batch)
        for name in batch:
            if name not in known:
                await files.delete(name)
                removed += 1
    return removed
