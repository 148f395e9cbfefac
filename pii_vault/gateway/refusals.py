"""Refused deliveries on the record: at most one record a minute for each connection and reason, with how many.

Whoever knows an address can send rubbish at any rate; a record for each would let them flood the log. Addresses that
do not exist are counted in the metrics only: they are not a tenant's, and there is no end to them.
"""

import asyncio
import logging
from collections import Counter
from typing import Final

from pii_vault.errors import VaultError
from pii_vault.gateway.accept import PURPOSE, VERB, gateway_principal
from pii_vault.gateway.connections import Connection
from pii_vault.operations.access import new_entry
from pii_vault.vault import Vault, new_request_id

logger = logging.getLogger(__name__)

WINDOW_SECONDS: Final = 60.0
WHAT: Final = "delivery"  # what is counted: no field class
Key = tuple[str, str]  # connection, code of the refusal


class Refusals:
    """Counts in this process. The first of a minute starts the clock; when it has run out the count is recorded.

    What a killed process had counted in its last minute is lost; a stopped one records it (`flush`).
    """

    def __init__(self, vault: Vault, *, window_seconds: float = WINDOW_SECONDS) -> None:
        self._vault = vault
        self._window_seconds = window_seconds
        self._counted: Counter[Key] = Counter()
        self._connections: dict[Key, Connection] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}

    def add(self, connection: Connection, code: str) -> None:
        """Counts one. Never waits: a flood must not cost more than the signature's check."""
        key = (connection.id, code)
        self._counted[key] += 1
        if key not in self._tasks:
            self._connections[key] = connection
            self._tasks[key] = asyncio.create_task(self._record_later(key))

    async def flush(self) -> None:
        """Records what has been counted, now."""
        for task in list(self._tasks.values()):
            task.cancel()
        for key in list(self._counted):
            await self._record(key)

    async def _record_later(self, key: Key) -> None:
        await asyncio.sleep(self._window_seconds)
        await self._record(key)

    async def _record(self, key: Key) -> None:
        count = self._counted.pop(key, 0)
        connection = self._connections.pop(key)
        self._tasks.pop(key, None)
        code = key[1]
        entry = new_entry(
            self._vault,
            gateway_principal(connection),
            verb=VERB,
            purpose=PURPOSE,
            request_id=new_request_id(),
            decision=code,
            counts={code: {WHAT: count}},
        )
        try:
            await self._vault.audit.commit(entry)
        except VaultError as error:
            logger.warning("%d refused deliveries could not be recorded: %s", count, error.code)
