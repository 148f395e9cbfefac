"""Files that must go: those of an erased person, and those that no row knows."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

import asyncpg

from pii_vault.files.port import FileStore
from pii_vault.files.rows import DELETE, files_of_subject, known_names

UNKNOWN_FOR: Final = timedelta(days=1)  # an upload of 2 GiB is long over by then
_BATCH: Final = 500


async def remove_files(
    connection: Any, files: FileStore, *, tenant_key: int, subject: bytes, groups: Sequence[int]
) -> int:
    """Deletes a person's files of these retention groups, first from the store, then their rows; gives how many.

    May be called again after it was broken off. Raises FileStoreUnavailable.
    """
    found = await files_of_subject(connection, tenant_key=tenant_key, subject=subject, groups=groups)
    for name in found.values():
        await files.delete(name)
    await connection.execute(DELETE, list(found.values()))
    return len(found)


async def sweep(pool: asyncpg.Pool, files: FileStore, *, now: datetime) -> int:
    """Deletes what is in the store and in no row: uploads whose act never came about. Gives how many.

    Raises StoreUnavailable, FileStoreUnavailable.
    """
    names = [name async for name in files.names(before=now - UNKNOWN_FOR)]
    removed = 0
    remaining = iter(names)
    while batch := list(islice(remaining, _BATCH)):
        known = await known_names(pool, batch)
        for name in batch:
            if name not in known:
                await files.delete(name)
                removed += 1
    return removed
