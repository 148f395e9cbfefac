"""A connected shop, its gateway and a fake public contour."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from pii_vault.gateway.connections import NewConnection, connect
from pii_vault.gateway.forward import Forwarder, forwarder_pool
from pii_vault.gateway.receive import Receiver
from pii_vault.gateway.registry import CONNECTORS
from pii_vault.vault import Vault
from tests.support import woocommerce
from tests.support.fake_intake import FakeIntake
from tests.support.postgres import Database


@dataclass
class ConnectedShop:
    """Sends to the gateway in process, as the shop would over HTTP."""

    receiver: Receiver
    connection: NewConnection
    tenant: str = "demo"

    async def send(
        self, topic: str, payload: Mapping[str, Any] | bytes, *, secret: str | None = None, **override: str
    ) -> str:
        body = payload if isinstance(payload, bytes) else woocommerce.encode(payload)
        headers = woocommerce.headers(topic, body, secret=secret or self.connection.secret) | override
        return await self.receiver.receive(
            "woocommerce", self.tenant, self.connection.id, headers=headers, body=body, request_id="r"
        )


@pytest.fixture
async def shop(vault: Vault, vault_database: Database) -> ConnectedShop:
    connection = await connect(vault_database.owner_url, vault.keys, CONNECTORS["woocommerce"], tenant="demo")
    return ConnectedShop(Receiver(vault, CONNECTORS), connection)


@pytest.fixture
def intake() -> FakeIntake:
    return FakeIntake()


@dataclass
class Forwarding:
    """Runs a forwarder on demand, so that a test says when the outbox is emptied."""

    database: Database
    intake: FakeIntake
    may_send: bool = True

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Forwarder]:
        pool = await forwarder_pool(self.database.runtime_url)
        stop = asyncio.Event()
        async with pool, self.intake.client() as client:
            forwarder = Forwarder(pool, client, may_send=lambda: self.may_send, poll_seconds=0.05)
            task = asyncio.create_task(forwarder.run(stop))
            try:
                yield forwarder
            finally:
                stop.set()
                await task

    async def until(self, count: int, *, seconds: float = 10.0) -> None:
        """Waits until the intake has applied this many events."""
        await self.intake.wait_for(count, seconds=seconds)


@pytest.fixture
def forwarding(vault_database: Database, intake: FakeIntake) -> Forwarding:
    return Forwarding(vault_database, intake)
