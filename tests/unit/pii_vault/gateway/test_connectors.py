"""What every connector must do: the contract of pii_vault/gateway/port.py."""

import pytest

from pii_vault.gateway.errors import BrokenPayload, UnknownConnector
from pii_vault.gateway.port import Connector, Goods, Ignored
from pii_vault.gateway.registry import CONNECTORS, get_connector
from pii_vault.gateway.woocommerce import WooCommerce
from tests.support import woocommerce

SECRET = woocommerce.SECRET.encode()


@pytest.mark.parametrize("connector", CONNECTORS.values(), ids=CONNECTORS)
def test_an_unsigned_body_is_never_genuine(connector: Connector) -> None:
    for headers in ({}, {"x-wc-webhook-signature": ""}, {"x-wc-webhook-signature": "!"}):
        assert not connector.verify(secret=SECRET, headers=headers, body=b"{}")


@pytest.mark.parametrize("connector", CONNECTORS.values(), ids=CONNECTORS)
def test_a_topic_nobody_knows_is_ignored(connector: Connector) -> None:
    assert isinstance(connector.parse(headers={}, body=b"{}"), Ignored)


def test_the_registry_knows_its_connectors() -> None:
    assert get_connector("woocommerce").id == "woocommerce"
    with pytest.raises(UnknownConnector):
        get_connector("nosuch")


def test_the_documented_signature() -> None:
    """Computed by `openssl dgst -sha256 -hmac secret -binary | base64` over this body."""
    headers = {"x-wc-webhook-signature": "A971iWIMgT8Zj9A9eWfikrFj7wQ16/Qwcc4OlRl2PLc="}
    connector = WooCommerce()
    assert connector.verify(secret=b"secret", headers=headers, body=b'{"id":1}')
    assert not connector.verify(secret=b"secret", headers=headers, body=b'{"id":2}')
    assert not connector.verify(secret=b"other", headers=headers, body=b'{"id":1}')


@pytest.mark.parametrize(
    ("headers", "body", "ping"),
    [
        ({}, b"webhook_id=12", True),
        ({}, b"webhook_id=", False),
        ({}, b"webhook_id=12&x=1", False),
        ({"x-wc-webhook-topic": "order.created"}, b"webhook_id=12", False),
        ({"x-wc-webhook-signature": "x"}, b"webhook_id=12", False),
    ],
)
def test_what_is_a_ping(headers: dict[str, str], body: bytes, *, ping: bool) -> None:
    assert WooCommerce().is_ping(headers, body) is ping


def test_products() -> None:
    body = woocommerce.encode(woocommerce.product(5, "SKU-5", "Чай", "1.00"))
    parsed = WooCommerce().parse(headers=woocommerce.headers("product.updated", body), body=body)
    assert isinstance(parsed, Goods)
    assert (parsed.external_id, parsed.sku, parsed.title) == ("5", "SKU-5", "Чай")


def test_an_order_does_not_pass_for_a_product() -> None:
    body = woocommerce.encode(woocommerce.order(5, buyer=woocommerce.buyer(1)) | {"name": "x"})
    with pytest.raises(BrokenPayload):
        WooCommerce().parse(headers=woocommerce.headers("product.updated", body), body=body)


@pytest.mark.parametrize("body", [b'{"id":0}', b'{"id":"1"}', b'{"id":79167453186}', b'{"id":true}', b"{}"])
def test_an_id_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(BrokenPayload):
        WooCommerce().parse(headers={"x-wc-webhook-topic": "order.deleted"}, body=body)
