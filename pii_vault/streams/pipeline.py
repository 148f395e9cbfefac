"""Lines in, lines out, in order: a few batches are under way at a time, and memory holds no more than those."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, TypeVar

from pii_vault.audit.errors import AuditOutcomeUnknown
from pii_vault.errors import VaultError
from pii_vault.streams.lines import Lines
from pii_vault.streams.records import Line

B = TypeVar("B")
T = TypeVar("T")
IN_FLIGHT: Final = 3  # one waits for the database while another is sealed and a third is read
RETRY_PAUSES: Final = (0.1, 0.3, 1.0, 3.0, 6.0, 10.0)
_TEMPORARY: Final = 503


async def batches(pieces: AsyncIterator[bytes], lines: Lines, *, rows: int) -> AsyncIterator[list[Line]]:
    """Lists of at most `rows` lines."""
    waiting: list[Line] = []
    async for piece in pieces:
        waiting += lines.add(piece)
        while len(waiting) >= rows:
            yield waiting[:rows]
            del waiting[:rows]
    waiting += lines.finish()
    for at in range(0, len(waiting), rows):
        yield waiting[at : at + rows]


async def in_order(source: AsyncIterator[B], work: Callable[[int, B], Awaitable[T]]) -> AsyncIterator[T]:
    """The results of `work(number of the batch, batch)`, in the order of the batches.

    An error of a batch is raised in its place; what is under way behind it is cancelled.
    """
    under_way: deque[asyncio.Task[T]] = deque()
    number = 0
    try:
        async for batch in source:
            under_way.append(asyncio.ensure_future(work(number, batch)))
            number += 1
            if len(under_way) >= IN_FLIGHT:
                yield await under_way.popleft()
        while under_way:
            yield await under_way.popleft()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def patiently(act: Callable[[], Awaitable[T]], *, repeatable: bool, pauses: Sequence[float] = RETRY_PAUSES) -> T:
    """Repeats what failed for a while only: one busy second must not cost an import of an hour.

    What perhaps was committed is repeated only where that does nothing twice: `repeatable`. Raises its last error.
    """
    for pause in pauses:
        try:
            return await act()
        except VaultError as error:
            if error.status_code != _TEMPORARY or (isinstance(error, AuditOutcomeUnknown) and not repeatable):
                raise
        await asyncio.sleep(pause)
    return await act()
