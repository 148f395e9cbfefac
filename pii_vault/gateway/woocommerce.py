"""WooCommerce: webhooks of orders and products, REST API v3 shape.

What a shop sends: JSON as of `GET /wp-json/wc/v3/orders/{id}`, or `{"id": N}` for a deletion, signed by
`base64(HMAC-SHA256(secret, raw body))`. The headers, topic included, are not signed, so a body must have the shape
of its topic. `X-WC-Webhook-Delivery-ID` repeats within a second and is not used.

IP address, user agent, order key and cart hash are dropped: the CRM has no use for them, and what is not kept
cannot leak.
"""

import hmac
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

from pii_vault.core.classes import ClassRegistry
from pii_vault.core.detect import find_personal_data
from pii_vault.core.primitives import keyed_hash
from pii_vault.gateway import fields
from pii_vault.gateway.errors import BrokenPayload
from pii_vault.gateway.fields import Drop, Known, NotPassed, Pass, Personal
from pii_vault.gateway.payload import decode_object
from pii_vault.gateway.port import (
    Action,
    Delivery,
    Dictionary,
    DictionaryKey,
    Draft,
    Goods,
    Ignored,
    Parsed,
)
from pii_vault.gateway.take_out import Rules, take_apart
from pii_vault.gateway.woocommerce_order import compose

PING_PREFIX: Final = b"webhook_id="
MAX_TITLE: Final = 200
MAX_SKU: Final = 64
MAX_CODE: Final = 100

STATUSES: Final = (
    "pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed", "checkout-draft", "draft",
    "trash",
)  # fmt: skip

_PARTY: Final[Rules] = {
    "first_name": Personal("name"),
    "last_name": Personal("name"),
    "address_1": Personal("address"),
    "address_2": Personal("address"),
    "city": Personal("address"),
    "state": Personal("address"),
    "postcode": Personal("address"),
    "country": Personal("address"),
    "email": Personal("email"),
    "phone": Personal("phone"),
}

# Each key that may pass and how. A key that is not here, at any depth, goes into the order's one text token.
FIELDS: Final[Rules] = {
    "id": Pass(fields.as_identifier),
    "number": Pass(fields.as_order_number),
    "status": Pass(fields.one_of(*STATUSES, kind="status")),
    "currency": Pass(fields.as_currency),
    "total": Pass(fields.as_money),
    "shipping_total": Pass(fields.as_money),
    "discount_total": Pass(fields.as_money),
    "date_created_gmt": Pass(fields.as_moment),
    "date_modified_gmt": Pass(fields.as_moment),
    "payment_method": Pass(fields.code_of("payment")),
    "payment_method_title": Known(),
    "billing": _PARTY,
    "shipping": _PARTY,
    "customer_note": Personal("text"),
    "line_items": {
        "id": Pass(fields.as_identifier),
        "name": Known(),
        "parent_name": Known(),
        "product_id": Pass(fields.as_identifier),
        "variation_id": Pass(fields.as_identifier),
        "sku": Pass(fields.code_of("sku")),
        "quantity": Pass(fields.as_quantity),
        "price": Pass(fields.as_price),
        "total": Pass(fields.as_money),
        "subtotal": Drop(),
        "subtotal_tax": Drop(),
        "total_tax": Drop(),
        "tax_class": Drop(),
        "taxes": Drop(),
        "image": Drop(),
    },
    "shipping_lines": {
        "method_id": Pass(fields.code_of("delivery")),
        "method_title": Known(),
        "id": Drop(),
        "instance_id": Drop(),
        "total": Drop(),
        "total_tax": Drop(),
        "taxes": Drop(),
    },
    "meta_data": {
        "id": Drop(),
        "key": Known(),
        "value": Known(),
        "display_key": Drop(),
        "display_value": Drop(),
    },
    **dict.fromkeys(
        (
            "_links", "cart_hash", "cart_tax", "created_via", "currency_symbol", "customer_ip_address",
            "customer_user_agent", "date_completed", "date_completed_gmt", "date_created", "date_modified",
            "date_paid", "date_paid_gmt", "discount_tax", "is_editable", "needs_payment", "needs_processing",
            "order_key", "parent_id", "payment_url", "prices_include_tax", "shipping_tax", "tax_lines", "total_tax",
            "version",
        ),
        Drop(),
    ),
}  # fmt: skip

ACTIONS: Final[dict[str, Action]] = {
    "order.created": "upsert",
    "order.updated": "upsert",
    "order.restored": "restore",
    "order.deleted": "delete",
}
GOODS_TOPICS: Final = frozenset({"product.created", "product.updated", "product.restored"})


class WooCommerce:
    """The connector of one system for all its shops; holds no state."""

    id: ClassVar[str] = "woocommerce"
    seed: ClassVar[Dictionary] = {
        ("payment", "bacs"): "Банковский перевод",
        ("payment", "cheque"): "Чек",
        ("payment", "cod"): "Оплата при получении",
        ("payment", "paypal"): "PayPal",
        ("payment", "stripe"): "Банковская карта (Stripe)",
        ("payment", "yookassa_epl"): "ЮKassa",
        ("payment", "tbank"): "Т-Банк",
        ("delivery", "flat_rate"): "Доставка по единой цене",
        ("delivery", "free_shipping"): "Бесплатная доставка",
        ("delivery", "local_pickup"): "Самовывоз",
        ("delivery", "pickup_location"): "Самовывоз из пункта",
        ("delivery", "official_cdek"): "СДЭК",
    }

    def is_ping(self, headers: Mapping[str, str], body: bytes) -> bool:
        """On creation WooCommerce posts the form `webhook_id=N` without topic or signature and wants a 200."""
        unsigned = "x-wc-webhook-signature" not in headers and "x-wc-webhook-topic" not in headers
        return unsigned and body.startswith(PING_PREFIX) and body[len(PING_PREFIX) :].isdigit()

    def verify(self, *, secret: bytes, headers: Mapping[str, str], body: bytes) -> bool:
        expected = keyed_hash(secret, body)
        try:
            given = b64decode(headers.get("x-wc-webhook-signature", ""), validate=True)
        except ValueError:
            given = b""
        return hmac.compare_digest(expected, given)

    def parse(self, *, headers: Mapping[str, str], body: bytes) -> Parsed:
        topic = headers.get("x-wc-webhook-topic", "")
        if topic in ACTIONS:
            return _order_event(ACTIONS[topic], decode_object(body))
        if topic in GOODS_TOPICS:
            return _goods_event(decode_object(body))
        return Ignored(topic)

    def codes(self, delivery: Delivery) -> set[DictionaryKey]:
        return _codes(delivery.payload)

    def take_out(self, delivery: Delivery, *, dictionary: Dictionary, classes: ClassRegistry) -> Draft:
        if delivery.action == "delete":
            return Draft(plain={})
        return compose(take_apart(delivery.payload, FIELDS, dictionary=dictionary), dictionary, classes=classes)


def _order_event(action: Action, payload: dict[str, Any]) -> Delivery:
    if action == "delete" and payload.keys() != {"id"}:
        raise BrokenPayload  # another topic's signed body replayed as a deletion
    modified = None if action == "delete" else _modified(payload)
    return Delivery("order", _identifier(payload), action, modified, payload)


def _goods_event(payload: dict[str, Any]) -> Goods | Ignored:
    name = payload.get("name")
    sku = payload.get("sku")
    if not isinstance(name, str) or "line_items" in payload:
        raise BrokenPayload
    title = "".join(filter(str.isprintable, name)).strip()[:MAX_TITLE]
    if not title or find_personal_data(title):
        return Ignored("product without a usable title")
    code = sku.strip() if isinstance(sku, str) else ""
    usable = code.isprintable() and 0 < len(code) <= MAX_SKU and not find_personal_data(code)
    return Goods(_identifier(payload), code if usable else None, title, _modified(payload))


def _identifier(payload: Mapping[str, Any]) -> str:
    try:
        return fields.as_identifier(payload.get("id"), {})
    except NotPassed:
        raise BrokenPayload from None


def _modified(payload: Mapping[str, Any]) -> datetime:
    try:
        text: str = fields.as_moment(payload.get("date_modified_gmt") or payload.get("date_created_gmt"), {})
    except NotPassed:
        raise BrokenPayload from None
    return datetime.fromisoformat(text)


def _codes(payload: Mapping[str, Any]) -> set[DictionaryKey]:
    found: set[DictionaryKey] = set()

    def add(kind: Any, value: Any) -> None:
        if not isinstance(value, str | int) or isinstance(value, bool):
            return
        code = str(value)
        if 0 < len(code) <= MAX_CODE and code.isprintable():  # the database could not even be asked for a NUL
            found.add((kind, code))

    add("payment", payload.get("payment_method"))
    add("status", payload.get("status"))
    for key, asked in (
        ("line_items", (("goods", "product_id"), ("goods", "variation_id"), ("sku", "sku"))),
        ("shipping_lines", (("delivery", "method_id"),)),
    ):
        members = payload.get(key)
        for member in members if isinstance(members, list) else ():
            if isinstance(member, dict):
                for kind, name in asked:
                    add(kind, member.get(name))
    return found
