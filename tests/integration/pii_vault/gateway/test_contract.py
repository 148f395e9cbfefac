"""What the gateway sends is what the application's intake takes."""

import json

import pytest

from app.errors import InvalidRequest
from app.intake.service import read
from tests.integration.pii_vault.gateway.conftest import ConnectedShop
from tests.support import woocommerce
from tests.support.postgres import Database
from tests.support.vault import rows


async def test_the_intake_reads_every_event(shop: ConnectedShop, vault_database: Database) -> None:
    for goods, sku, name, price in ((501, "CUP-BLUE", "Кружка", "890.00"), (502, "TEA-IVAN", "Чай", "420.00")):
        await shop.send("product.created", woocommerce.product(goods, sku, name, price))
    odd = woocommerce.order(3, buyer=woocommerce.buyer(3), status="custom-status") | {
        "number": "Иванов",
        "line_items": [],
    }
    nobody = woocommerce.order(4, buyer=woocommerce.buyer(4)) | {"billing": {}, "shipping": {}, "customer_note": ""}
    for order in (
        woocommerce.order(1, buyer=woocommerce.buyer(1)),
        woocommerce.order(2, buyer=woocommerce.buyer(2), recipient=woocommerce.buyer(5)),
        odd,
        nobody,
    ):
        assert await shop.send("order.created", order) == "accepted"
    await shop.send("order.deleted", {"id": 1})
    bodies = [bytes(body) for (body,) in rows(vault_database, "SELECT body FROM gateway_outbox")]  # type: ignore[call-overload]
    assert len(bodies) == 5
    read_events = [read(body) for body in bodies]
    assert sum(data is None for _, data in read_events) == 1
    assert {event.tenant for event, _ in read_events} == {"demo"}


async def test_the_intake_refuses_what_the_gateway_would_never_send(
    shop: ConnectedShop, vault_database: Database
) -> None:
    await shop.send("order.created", woocommerce.order(1, buyer=woocommerce.buyer(1)))
    [(body,)] = rows(vault_database, "SELECT body FROM gateway_outbox")
    event = json.loads(bytes(body))  # type: ignore[call-overload]
    event["data"]["phone"] = "x"
    with pytest.raises(InvalidRequest):
        read(json.dumps(event).encode())
