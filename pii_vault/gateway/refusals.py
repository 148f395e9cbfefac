"""Refused signatures on the record: at most one record a minute for each connection, with how many there were.

Whoever knows an address can send rubbish at any rate; a record for each would let them flood the log. Addresses that
do not exist are counted in the metrics only: they are not a tenant's, and there is no end to them.
"""

import asyncio
import logging
from typing import Final

from pii_vault.errors import VaultError
from pii_vault.gateway.accept import PURPOSE, VERB, gateway_principal
from pii_vault.gateway.connections import Connection
from pii_vault.operations.access import new_entry
from pii_vault.vault import Vault, new_request_id

logger = logging.getLogger(__name__)

WINDOW_SECONDS: Final = 60.0
OUTCOME: Final = "wrong_signature"
SUBJECT_OF_COUNT: Final = "delivery"  # what is counted: deliveries, of no field class


class Refusals:
    """Counts in this process. The first of a minute starts the clock; when it has run out the count is recorded.

    What a killed process had counted in its last minute is lost; a stopped one records it (`flush`).
    """

    def __init__(self, vault: Vault, *, window_seconds: float = WINDOW_SECONDS) -> None:
        self._vault = vault
        self._window_seconds = window_seconds
        self._counted: dict[str, int] = {}
        self._connections: dict[str, Connection] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def add(self, connection: Connection) -> None:
        """Counts one. Never waits: a flood must not cost more than the signature's check."""
        self._counted[connection.id] = self._counted.get(connection.id, 0) + 1
        if connection.id not in self._tasks:
            self._connections[connection.id] = connection
            self._tasks[connection.id] = asyncio.create_task(self._record_later(connection.id))

    async def flush(self) -> None:
        """Records what has been counted, now."""
        for task in list(self._tasks.values()):
            task.cancel()
        for connection in list(self._counted):
            await self._record(connection)

    async def _record_later(self, connection: str) -> None:
        await asyncio.sleep(self._window_seconds)
        await self._record(connection)

    async def _record(self, connection: str) -> None:
        count = self._counted.pop(connection, 0)
        whose = self._connections.pop(connection)
        self._tasks.pop(connection, None)
        entry = new_entry(
            self._vault,
            gateway_principal(whose),
            verb=VERB,
            purpose=PURPOSE,
            request_id=new_request_id(),
            decision=OUTCOME,
            counts={OUTCOME: {SUBJECT_OF_COUNT: count}},
        )
        try:
            await self._vault.audit.commit(entry)
        except VaultError as error:
            logger.warning("%d refused deliveries could not be recorded: %s", count, error.code)
