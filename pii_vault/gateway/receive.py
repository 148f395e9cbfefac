"""The way of one delivery: whose is it, is it genuine, what is it, take it in."""

import time
from collections.abc import Mapping
from typing import Final

from pii_vault.classify.process import Classifier, NoClassifier
from pii_vault.errors import VaultError
from pii_vault.gateway import store as gateway_store
from pii_vault.gateway.accept import accept
from pii_vault.gateway.connections import Connection, Connections
from pii_vault.gateway.errors import BrokenPayload, GatewayUnavailable, TenantSuspended, WrongSignature
from pii_vault.gateway.metrics import ACCEPT_SECONDS, DELIVERIES
from pii_vault.gateway.port import Connector, Delivery, Goods, Ignored
from pii_vault.gateway.refusals import Refusals
from pii_vault.store import DATABASE_ERRORS
from pii_vault.vault import Vault

# Checked against when there is no such connection, so that the answer takes as long as a wrong signature's.
NO_SECRET: Final = bytes(32)
NO_CLASSIFIER: Final = NoClassifier()


class Receiver:
    """One per worker process."""

    def __init__(
        self, vault: Vault, connectors: Mapping[str, Connector], classifier: Classifier = NO_CLASSIFIER
    ) -> None:
        self._vault = vault
        self._classifier = classifier
        self._connectors = connectors
        self._connections = Connections(vault.pool, vault.keys)
        self.refusals = Refusals(vault)

    async def receive(
        self,
        connector_id: str,
        tenant: str,
        connection_id: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        request_id: str,
    ) -> str:
        """Takes one delivery and says what became of it: accepted, duplicate, stale, learnt, ping or ignored.

        Raises:
            WrongSignature: not genuine, or no such connection: the sender cannot tell which.
            TenantSuspended, BrokenPayload, Forbidden: genuine, and refused.
            GatewayUnavailable, StoreUnavailable, KeyServiceUnavailable, AuditUnavailable, Busy: send it again.
        """
        started = time.perf_counter()
        connector = self._connectors.get(connector_id)
        if connector is None:
            DELIVERIES.labels("unknown", "wrong_signature").inc()
            raise WrongSignature
        try:
            connection = await self._connections.get(connector.id, tenant, connection_id)
            if self._is_ping(connector, connection, headers=headers, body=body):
                outcome = "ping"
            else:
                connection = self._proven(connector, connection, headers=headers, body=body)
                outcome = await self._take(connector, connection, headers=headers, body=body, request_id=request_id)
        except VaultError as error:
            DELIVERIES.labels(connector.id, error.code).inc()
            raise
        except DATABASE_ERRORS as error:
            DELIVERIES.labels(connector.id, GatewayUnavailable.code).inc()
            raise GatewayUnavailable from error
        DELIVERIES.labels(connector.id, outcome).inc()
        ACCEPT_SECONDS.observe(time.perf_counter() - started)
        return outcome

    def _is_ping(
        self, connector: Connector, connection: Connection | None, *, headers: Mapping[str, str], body: bytes
    ) -> bool:
        """An unsigned check of a known address, of which nothing but the fact is used."""
        return connection is not None and connector.is_ping(headers, body)

    def _proven(
        self, connector: Connector, connection: Connection | None, *, headers: Mapping[str, str], body: bytes
    ) -> Connection:
        """The connection whose secret the sender holds. Raises WrongSignature, TenantSuspended."""
        secret = connection.secret if connection is not None else NO_SECRET
        genuine = connector.verify(secret=secret, headers=headers, body=body)
        if connection is None:
            raise WrongSignature
        if not genuine:
            self.refusals.add(connection, WrongSignature.code)
            raise WrongSignature
        if connection.suspended:
            self.refusals.add(connection, TenantSuspended.code)
            raise TenantSuspended
        return connection

    async def _take(
        self,
        connector: Connector,
        connection: Connection,
        *,
        headers: Mapping[str, str],
        body: bytes,
        request_id: str,
    ) -> str:
        try:
            match parsed := connector.parse(headers=headers, body=body):
                case Ignored():
                    return "ignored"
                case Goods():
                    await gateway_store.learn(self._vault.pool, connection, parsed)
                    return "learnt"
                case Delivery():
                    return await accept(
                        self._vault,
                        connector,
                        connection,
                        parsed,
                        body=body,
                        request_id=request_id,
                        classifier=self._classifier,
                    )
        except BrokenPayload:
            self.refusals.add(connection, BrokenPayload.code)
            raise
