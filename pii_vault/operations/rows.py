"""Rows of values for many small requests by one statement.

While a statement is under way, the requests that come meanwhile wait together, and the next statement serves all of
them. Alone a request waits for nobody; under load the round trips are shared, and so is their cost.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pii_vault.crowd import Crowd
from pii_vault.errors import StoreUnavailable
from pii_vault.kept import KeptConnections
from pii_vault.packed import FETCH_PACKED, PackedRows, read_packed

if TYPE_CHECKING:
    import asyncpg

    from pii_vault.replicas.reads import Replicas

IN_FLIGHT = 1  # a second statement would only halve the first
# Tokens of a request that shares. A larger one is a statement of its own, and a standby may answer it: that needs a
# round trip more, which small ones would feel and the primary would gain little by.
SMALL = 100
MOST = 1000  # tokens of one statement

_Waiting = tuple[Sequence[bytes], "asyncio.Future[PackedRows]"]


class RowLoader:
    """packed.FETCH_PACKED, shared by the requests of one event loop. Tenants never share a statement."""

    def __init__(self, pool: "asyncpg.Pool", replicas: "Replicas") -> None:
        self._replicas = replicas
        self._kept = KeptConnections(pool)
        self._waiting: dict[int, list[_Waiting]] = {}  # by tenant, first come first
        self._serving = 0  # falls the moment a task has found nothing waiting, so that nobody is left behind
        self._tasks: set[asyncio.Task[None]] = set()
        self._crowd = Crowd()
        self._requests = 0  # that wait

    async def fetch(self, tenant_key: int, tokens: Sequence[bytes]) -> PackedRows:
        """The rows of these tokens, as far as they exist in the tenant. Raises StoreUnavailable."""
        if len(tokens) > SMALL:
            return await self._replicas.values(tenant_key, tokens)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[PackedRows] = loop.create_future()
        self._waiting.setdefault(tenant_key, []).append((tokens, future))
        self._requests += 1
        self._crowd.came(self._requests)
        if self._serving < IN_FLIGHT:
            self._serving += 1
            task = loop.create_task(self._serve())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def close(self) -> None:
        """Gives its connections back to the pool."""
        await self._kept.close()

    async def _serve(self) -> None:
        try:
            while self._waiting:
                await self._crowd.gather(self._requests)
                size = await self._serve_group()
                self._crowd.served(size, self._requests)
        finally:
            self._serving -= 1

    async def _serve_group(self) -> int:
        tenant_key, group = self._take()
        self._requests -= len(group)
        wanted = list({token for tokens, _ in group for token in tokens})
        try:
            rows = read_packed(await self._kept.fetch(FETCH_PACKED, wanted, tenant_key))
        except Exception as error:  # noqa: BLE001  whatever it is, no request may be left without an answer
            _fail(group, error)
            return len(group)
        except BaseException:  # the loop is being closed
            _fail(group, StoreUnavailable())
            raise
        if len(group) == 1:
            _answer(group[0][1], rows)
            return 1
        found = rows.by_token()
        for tokens, future in group:
            _answer(future, rows.of([found[token] for token in tokens if token in found]))
        return len(group)

    def _take(self) -> tuple[int, list[_Waiting]]:
        """The tenant that has waited longest, and as many of its requests as one statement bears."""
        tenant_key = next(iter(self._waiting))
        waiting = self._waiting.pop(tenant_key)
        size = 0
        for count, (tokens, _) in enumerate(waiting):
            size += len(tokens)
            if size > MOST and count:
                self._waiting[tenant_key] = waiting[count:]
                return tenant_key, waiting[:count]
        return tenant_key, waiting


def _answer(future: "asyncio.Future[PackedRows]", rows: PackedRows) -> None:
    if not future.done():
        future.set_result(rows)


def _fail(group: Sequence[_Waiting], error: Exception) -> None:
    for _, future in group:
        if not future.done():
            future.set_exception(error)
