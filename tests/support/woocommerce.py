"""WooCommerce payloads for tests. The factory itself is shared with the demo, smoke check and bench."""

from collections.abc import Mapping
from typing import Any, Final

from scripts.local.shop import Buyer, Shop, buyer, encode, order, product, sign

__all__ = ["DICTIONARY", "SECRET", "Buyer", "Shop", "buyer", "encode", "headers", "order", "product", "sign"]

SECRET: Final = "test-only-secret"
DICTIONARY: Final = {
    ("goods", "501"): "Кружка «Гжель», 350 мл",
    ("sku", "CUP-BLUE"): "Кружка «Гжель», 350 мл",
    ("payment", "cod"): "Оплата при получении",
    ("payment", "bacs"): "Банковский перевод",
    ("delivery", "flat_rate"): "Доставка по единой цене",
}


def headers(topic: str, payload: Mapping[str, Any] | bytes, *, secret: str = SECRET) -> dict[str, str]:
    body = payload if isinstance(payload, bytes) else encode(payload)
    return Shop("http://hooks.test", secret).headers(topic, body)  # type: ignore[arg-type]
