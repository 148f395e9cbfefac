"""A shop that sends what WooCommerce sends: whole REST v3 orders of generated persons, signed, over HTTP.

For the demo, the smoke check, the leak check, the bench and the tests. The persons are generated; pass your own
(canaries, say) as `Buyer`.
"""

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import httpx

Topic = Literal[
    "order.created", "order.updated", "order.restored", "order.deleted", "product.created", "product.updated"
]

SURNAMES: Final = ("Соколова", "Журавлёва", "Воронцова", "Лебедева", "Синицына", "Орлова", "Галкина", "Дроздова")
GIVEN: Final = ("Анна", "Мария", "Дарья", "Полина", "Вера", "Ольга", "Елена", "Ксения")
PLACES: Final = (
    ("Тверь", "170000", "Тверская область"),
    ("Калуга", "248000", "Калужская область"),
    ("Рязань", "390000", "Рязанская область"),
    ("Томск", "634000", "Томская область"),
)
STREETS: Final = ("Садовая", "Лесная", "Речная", "Полевая", "Вишнёвая", "Кленовая")
GOODS: Final = (
    (501, "CUP-BLUE", "Кружка «Гжель», 350 мл", "890.00"),
    (502, "TEA-IVAN", "Иван-чай с мятой, 100 г", "420.00"),
    (503, "SHAWL-01", "Платок павловопосадский", "3950.00"),
    (504, "HONEY-05", "Мёд липовый, 500 г", "760.00"),
)
SOURCES: Final = (("yandex", "cpc", "autumn-tea"), ("vk", "social", "gifts_2026"), ("google", "organic", "brand"))


@dataclass(frozen=True, slots=True)
class Buyer:
    """A generated person."""

    first_name: str
    last_name: str
    phone: str
    email: str
    address_1: str
    city: str
    postcode: str
    state: str

    @property
    def name(self) -> str:
        return f"{self.last_name} {self.first_name}"


def buyer(seed: int) -> Buyer:
    """The same seed gives the same person."""
    draw = random.Random(seed)  # noqa: S311  test data, not secrets
    city, postcode, state = draw.choice(PLACES)
    return Buyer(
        first_name=draw.choice(GIVEN),
        last_name=draw.choice(SURNAMES),
        phone=f"+79{draw.randrange(10**8, 10**9)}",
        email=f"u{draw.randrange(10**9):09d}@example.ru",
        address_1=f"ул. {draw.choice(STREETS)}, д. {draw.randrange(1, 200)}, кв. {draw.randrange(1, 300)}",
        city=city,
        postcode=postcode,
        state=state,
    )


def order(
    number: int,
    *,
    buyer: Buyer,
    recipient: Buyer | None = None,
    status: str = "processing",
    note: str = "Позвоните за час, домофон не работает",
    created: datetime | None = None,
    modified: datetime | None = None,
    seed: int | None = None,
) -> dict[str, Any]:
    """An order with every field that WooCommerce 9 sends for `GET /wp-json/wc/v3/orders/{id}`."""
    draw = random.Random(number if seed is None else seed)  # noqa: S311  test data, not secrets
    made = (created or datetime.now(UTC)).replace(microsecond=0, tzinfo=None)
    changed = (modified or created or datetime.now(UTC)).replace(microsecond=0, tzinfo=None)
    lines = [_line(number * 10 + place, goods, quantity=draw.randrange(1, 4)) for place, goods in _basket(draw)]
    goods_total = sum(int(line["total"].split(".")[0]) for line in lines)
    local = timedelta(hours=3)
    return {
        "id": number,
        "parent_id": 0,
        "status": status,
        "currency": "RUB",
        "version": "9.4.2",
        "prices_include_tax": True,
        "date_created": (made + local).isoformat(),
        "date_modified": (changed + local).isoformat(),
        "discount_total": "0.00",
        "discount_tax": "0.00",
        "shipping_total": "350.00",
        "shipping_tax": "0.00",
        "cart_tax": "0.00",
        "total": f"{goods_total + 350}.00",
        "total_tax": "0.00",
        "customer_id": draw.randrange(1, 5000),
        "order_key": f"wc_order_{draw.randbytes(7).hex()}",
        "billing": _party(buyer) | {"email": buyer.email, "phone": buyer.phone},
        "shipping": _party(recipient or buyer) | {"phone": recipient.phone if recipient else ""},
        "payment_method": draw.choice(("cod", "bacs")),
        "payment_method_title": "Оплата при доставке",
        "transaction_id": "",
        "customer_ip_address": f"203.0.113.{draw.randrange(1, 255)}",
        "customer_user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "created_via": "checkout",
        "customer_note": note,
        "date_completed": None,
        "date_paid": None,
        "cart_hash": draw.randbytes(16).hex(),
        "number": str(number),
        "meta_data": _meta(number, draw),
        "line_items": lines,
        "tax_lines": [],
        "shipping_lines": [_shipping_line(number)],
        "fee_lines": [],
        "coupon_lines": [],
        "refunds": [],
        "payment_url": f"https://shop.example.ru/checkout/order-pay/{number}/?pay_for_order=true",
        "is_editable": False,
        "needs_payment": False,
        "needs_processing": True,
        "date_created_gmt": made.isoformat(),
        "date_modified_gmt": changed.isoformat(),
        "date_completed_gmt": None,
        "date_paid_gmt": None,
        "currency_symbol": "₽",
        "_links": {
            "self": [{"href": f"https://shop.example.ru/wp-json/wc/v3/orders/{number}"}],
            "collection": [{"href": "https://shop.example.ru/wp-json/wc/v3/orders"}],
        },
    }


def product(number: int, sku: str, name: str, price: str, *, modified: datetime | None = None) -> dict[str, Any]:
    """A product as far as the dictionary and a reader of the payload care."""
    changed = (modified or datetime.now(UTC)).replace(microsecond=0, tzinfo=None).isoformat()
    return {
        "id": number,
        "name": name,
        "slug": sku.lower(),
        "permalink": f"https://shop.example.ru/product/{sku.lower()}/",
        "date_created_gmt": changed,
        "date_modified_gmt": changed,
        "type": "simple",
        "status": "publish",
        "description": "<p>Хороший товар.</p>",
        "sku": sku,
        "price": price,
        "regular_price": price,
        "on_sale": False,
        "stock_status": "instock",
        "categories": [{"id": 15, "name": "Подарки", "slug": "gifts"}],
        "attributes": [],
        "meta_data": [],
    }


def _basket(draw: random.Random) -> list[tuple[int, tuple[int, str, str, str]]]:
    return list(enumerate(draw.sample(GOODS, k=draw.randrange(1, 4)), start=1))


def _line(number: int, goods: tuple[int, str, str, str], *, quantity: int) -> dict[str, Any]:
    product_id, sku, name, price = goods
    total = f"{float(price) * quantity:.2f}"
    return {
        "id": number,
        "name": name,
        "product_id": product_id,
        "variation_id": 0,
        "quantity": quantity,
        "tax_class": "",
        "subtotal": total,
        "subtotal_tax": "0.00",
        "total": total,
        "total_tax": "0.00",
        "taxes": [],
        "meta_data": [
            {
                "id": number * 7,
                "key": "_reduced_stock",
                "value": str(quantity),
                "display_key": "_reduced_stock",
                "display_value": str(quantity),
            }
        ],
        "sku": sku,
        "price": float(price),
        "image": {"id": str(product_id + 1000), "src": f"https://shop.example.ru/wp-content/uploads/{product_id}.jpg"},
        "parent_name": None,
    }  # fmt: skip


def _party(who: Buyer) -> dict[str, str]:
    return {
        "first_name": who.first_name,
        "last_name": who.last_name,
        "company": "",
        "address_1": who.address_1,
        "address_2": "",
        "city": who.city,
        "state": who.state,
        "postcode": who.postcode,
        "country": "RU",
    }


def _shipping_line(number: int) -> dict[str, Any]:
    return {
        "id": number * 10 + 9,
        "method_title": "Курьер до двери",
        "method_id": "flat_rate",
        "instance_id": "3",
        "total": "350.00",
        "total_tax": "0.00",
        "taxes": [],
        "tax_status": "taxable",
        "meta_data": [{"id": number * 7 + 3, "key": "Позиции", "value": "Кружка × 1", "display_key": "Позиции",
                       "display_value": "Кружка × 1"}],
    }  # fmt: skip


def _meta(number: int, draw: random.Random) -> list[dict[str, Any]]:
    source, medium, campaign = draw.choice(SOURCES)
    entries = {
        "_wc_order_attribution_source_type": "utm",
        "_wc_order_attribution_utm_source": source,
        "_wc_order_attribution_utm_medium": medium,
        "_wc_order_attribution_utm_campaign": campaign,
        "_wc_order_attribution_session_entry": "https://shop.example.ru/?utm_source=" + source,
        "_wc_order_attribution_session_start_time": "2026-11-22 09:14:51",
        "_wc_order_attribution_session_pages": "4",
        "_wc_order_attribution_session_count": "1",
        "_wc_order_attribution_user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101",
        "_wc_order_attribution_device_type": "Desktop",
        "is_vat_exempt": "no",
    }
    return [
        {"id": number * 20 + place, "key": key, "value": value}
        for place, (key, value) in enumerate(entries.items(), start=1)
    ]


def sign(secret: str, body: bytes) -> str:
    """`X-WC-Webhook-Signature` of a body."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def encode(payload: Mapping[str, Any]) -> bytes:
    """As PHP's `wp_json_encode` does: no blanks, everything beyond ASCII escaped, slashes too."""
    return json.dumps(payload, separators=(",", ":")).replace("/", "\\/").encode()


@dataclass(frozen=True)
class Shop:
    """A shop connected to a gateway. `url` is the whole inbound address; `host` overrides the Host header."""

    url: str
    secret: str = field(repr=False)
    host: str | None = None
    webhook_id: int = 12

    def headers(self, topic: Topic, body: bytes) -> dict[str, str]:
        resource, event = topic.split(".")
        headers = {
            "content-type": "application/json",
            "user-agent": "WooCommerce/9.4.2 Hookshot (WordPress/6.7.1)",
            "x-wc-webhook-source": "https://shop.example.ru/",
            "x-wc-webhook-topic": topic,
            "x-wc-webhook-resource": resource,
            "x-wc-webhook-event": event,
            "x-wc-webhook-signature": sign(self.secret, body),
            "x-wc-webhook-id": str(self.webhook_id),
            "x-wc-webhook-delivery-id": hashlib.md5(body, usedforsecurity=False).hexdigest(),
        }
        return headers | ({"host": self.host} if self.host else {})

    def send(self, topic: Topic, payload: Mapping[str, Any], *, client: httpx.Client) -> httpx.Response:
        body = encode(payload)
        return client.post(self.url, content=body, headers=self.headers(topic, body))

    async def send_async(
        self, topic: Topic, payload: Mapping[str, Any], *, client: httpx.AsyncClient
    ) -> httpx.Response:
        body = encode(payload)
        return await client.post(self.url, content=body, headers=self.headers(topic, body))

    def ping(self, *, client: httpx.Client) -> httpx.Response:
        """What WooCommerce posts when the webhook is created: a form, unsigned."""
        host = {"host": self.host} if self.host else {}
        return client.post(self.url, data={"webhook_id": str(self.webhook_id)}, headers=host)

    def with_secret(self, secret: str) -> "Shop":
        return replace(self, secret=secret)
