"""What a restore lost comes again."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from pii_vault.vault import Vault
from tests.integration.pii_vault.gateway.conftest import ConnectedShop
from tests.integration.pii_vault.gateway.test_deliveries import NOON, events
from tests.support import woocommerce
from tests.support.postgres import Database


async def test_an_order_that_a_restore_lost_comes_again_as_a_newer_one(
    vault: Vault, shop: ConnectedShop, vault_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other contour remembers the lost events, and takes nothing with a lower number."""
    lost = woocommerce.order(110, buyer=woocommerce.buyer(10), created=NOON)
    await shop.send("order.created", lost)
    with psycopg.connect(vault_database.superuser_url, autocommit=True) as connection:
        for table in ("gateway_object", "gateway_delivery"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608  two of ours
    later = datetime.now(UTC) + timedelta(minutes=1)
    monkeypatch.setattr(vault, "clock", lambda: later)
    assert await shop.send("order.created", lost) == "accepted"
    before, after = (event["sequence"] for event in events(vault_database))
    assert after > before
