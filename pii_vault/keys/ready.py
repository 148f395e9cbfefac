"""Keys made in advance for subjects who are not there yet: opening one then waits for no key service.

Each key is wrapped for an id that was drawn with it, so it fits no other subject; it is given out once, by one event
loop, and never taken back. What is not used within MAX_AGE_SECONDS is dropped: ids begin with the second they were
made in, and a key must not outlive a rotation by long.
"""

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from pii_vault.errors import KeyServiceError
from pii_vault.keys.service import KeyService, WrappedKey

logger = logging.getLogger(__name__)

MAX_AGE_SECONDS: Final = 60.0
MAX_SHELVES: Final = 256  # tenants and groups with ready keys at one time
AGAIN_SECONDS: Final = 1.0  # after a refill that failed


class FreshKey(NamedTuple):
    """A subject's id with its key. Plain tuple: its repr would show the key, so it goes into no log."""

    subject: bytes
    dek: bytes
    wrapped: WrappedKey

    def __repr__(self) -> str:
        return "FreshKey(…)"


@dataclass(slots=True)
class _Shelf:
    keys: deque[tuple[float, FreshKey]] = field(default_factory=deque)
    refill: "asyncio.Task[None] | None" = None
    not_before: float = 0.0


class ReadyKeys:
    """At most `size` keys per tenant and retention group, refilled in the background. Size 0: made when asked for.

    Belongs to one event loop.
    """

    def __init__(
        self,
        keys: KeyService,
        *,
        size: int,
        new_ids: Callable[[int], list[bytes]],
        context: Callable[[bytes, int], bytes],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`context` is what a subject's key of a group is bound to."""
        self._keys = keys
        self._size = size
        self._new_ids = new_ids
        self._context = context
        self._clock = clock
        self._shelves: OrderedDict[tuple[str, int], _Shelf] = OrderedDict()

    async def take(self, tenant: str, group: int, count: int) -> list[FreshKey]:
        """As many new subjects with their keys; at most one call of the key service.

        Raises:
            KeyServiceError: more are needed than are ready, and the service does not answer.
        """
        if not self._size:
            return await self._make(tenant, group, count)
        shelf = self._shelf(tenant, group)
        oldest = self._clock() - MAX_AGE_SECONDS
        taken: list[FreshKey] = []
        while shelf.keys and len(taken) < count:
            made, key = shelf.keys.popleft()
            if made > oldest:
                taken.append(key)
        self._refill(shelf, tenant, group)
        if len(taken) < count:
            taken += await self._make(tenant, group, count - len(taken))
        return taken

    def forget(self, tenant: str) -> None:
        """Drops what is ready: it was wrapped under a version that is no longer written."""
        for (name, _), shelf in self._shelves.items():
            if name == tenant:
                shelf.keys.clear()

    async def close(self) -> None:
        tasks = [shelf.refill for shelf in self._shelves.values() if shelf.refill is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._shelves.clear()

    async def _make(self, tenant: str, group: int, count: int) -> list[FreshKey]:
        if not count:
            return []
        subjects = self._new_ids(count)
        made = await self._keys.generate(tenant, [self._context(subject, group) for subject in subjects])
        return [FreshKey(subject, *pair) for subject, pair in zip(subjects, made, strict=True)]

    def _shelf(self, tenant: str, group: int) -> _Shelf:
        place = (tenant, group)
        shelf = self._shelves.get(place)
        if shelf is None:
            shelf = self._shelves[place] = _Shelf()
            if len(self._shelves) > MAX_SHELVES:
                _, dropped = self._shelves.popitem(last=False)
                if dropped.refill is not None:
                    dropped.refill.cancel()
        self._shelves.move_to_end(place)
        return shelf

    def _refill(self, shelf: _Shelf, tenant: str, group: int) -> None:
        busy = shelf.refill is not None and not shelf.refill.done()
        if busy or 2 * len(shelf.keys) > self._size or self._clock() < shelf.not_before:
            return
        shelf.refill = asyncio.get_running_loop().create_task(self._fill(shelf, tenant, group))

    async def _fill(self, shelf: _Shelf, tenant: str, group: int) -> None:
        made_at = self._clock()  # before the call: the key may be as old as its beginning
        try:
            made = await self._make(tenant, group, self._size - len(shelf.keys))
        except KeyServiceError as error:
            shelf.not_before = self._clock() + AGAIN_SECONDS
            logger.warning("no keys could be made in advance: %s", error.code)
            return
        shelf.keys.extend((made_at, key) for key in made)
