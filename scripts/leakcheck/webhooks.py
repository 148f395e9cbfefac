"""Persons in a shop's webhooks: in the fields that are meant for them, and in every field that is not."""

import copy
from collections.abc import Callable
from typing import Any, Final

import httpx

from scripts.leakcheck.canaries import Canaries, Person
from scripts.leakcheck.ground import Ground
from scripts.local.instance import InstanceProblem
from scripts.local.shop import encode, order, product

FIRST_NUMBER: Final = 5001
TOO_BIG: Final = 1024 * 1024 + 1
Order = dict[str, Any]
Plant = Callable[[Order, Person], None]


def _set(path: str, value: Callable[[Person], Any]) -> Plant:
    """Plants at a dotted path; numbers are places in a list."""

    def plant(payload: Order, person: Person) -> None:
        *way, last = path.split(".")
        node: Any = payload
        for step in way:
            node = node[int(step)] if isinstance(node, list) else node.setdefault(step, {})
        node[last] = value(person)

    return plant


def _text(person: Person) -> str:
    return person.text


def _bare_phone(person: Person) -> str:
    return person.phone[1:]


def _meta(key: Callable[[Person], str], value: Callable[[Person], Any]) -> Plant:
    def plant(payload: Order, person: Person) -> None:
        payload["meta_data"].append({"id": 77001, "key": key(person), "value": value(person)})

    return plant


def _mark(name: str, value: Callable[[Person], str]) -> Plant:
    return _meta(lambda _: f"_wc_order_attribution_{name}", value)


def _nested(person: Person) -> dict[str, Any]:
    return {person.name: [{person.phone: {"who": person.text}}], "plain": person.email}


def _unknown_key(payload: Order, person: Person) -> None:
    payload[person.text] = "x"
    payload["billing"][person.phone] = person.email


# Names among the marks are left out: a mark is a code of the shop's own, which a made-up Latin word would pass for.
ODD: Final[dict[str, Plant]] = {
    "line name": _set("line_items.0.name", _text),
    "line parent name": _set("line_items.0.parent_name", _text),
    "line sku": _set("line_items.0.sku", _text),
    "line sku as digits": _set("line_items.0.sku", _bare_phone),
    "line product id": _set("line_items.0.product_id", _bare_phone),
    "line quantity": _set("line_items.0.quantity", _bare_phone),
    "line total": _set("line_items.0.total", _bare_phone),
    "line meta": _set("line_items.0.meta_data.0.display_value", _text),
    "line meta key": _set("line_items.0.meta_data.0.key", _text),
    "line image": _set("line_items.0.image.src", lambda p: f"https://shop.example.ru/{p.email}/{p.phone}.jpg"),
    "coupon code": _set("coupon_lines", lambda p: [{"id": 1, "code": p.text, "discount": p.phone}]),
    "payment method": _set("payment_method", _text),
    "payment method title": _set("payment_method_title", _text),
    "payment address": _set("payment_url", lambda p: f"https://shop.example.ru/pay?mail={p.email}&tel={p.phone}"),
    "transaction id": _set("transaction_id", _text),
    "order number": _set("number", _text),
    "order number as phone": _set("number", _bare_phone),
    "order status": _set("status", _text),
    "order key": _set("order_key", _text),
    "created via": _set("created_via", _text),
    "currency": _set("currency_symbol", _text),
    "customer id": _set("customer_id", lambda p: int(p.phone[1:])),
    "date": _set("date_created_gmt", lambda p: p.birth_date),
    "utm source": _mark("utm_source", _bare_phone),
    "utm medium": _mark("utm_medium", lambda p: p.email),
    "utm campaign": _mark("utm_campaign", _text),
    "utm term": _mark("utm_term", lambda p: p.name),
    "attribution referrer": _mark("referrer", lambda p: f"https://mail.example.ru/?to={p.email}&t={p.phone}"),
    "meta value": _meta(lambda _: "note", _text),
    "meta key": _meta(_text, lambda _: "1"),
    "meta object": _meta(lambda _: "fields", _nested),
    "unknown field": _set("extra", _nested),
    "unknown key": _unknown_key,
    "cart": _set("cart_hash", _text),
    "cart contents": _set("cart", lambda p: [{"owner": p.text}]),
    "shipping method title": _set("shipping_lines.0.method_title", _text),
    "shipping method id": _set("shipping_lines.0.method_id", _text),
    "shipping meta": _set("shipping_lines.0.meta_data.0.value", _text),
    "fee name": _set("fee_lines", lambda p: [{"id": 1, "name": p.text, "total": "10.00"}]),
    "tax label": _set("tax_lines", lambda p: [{"id": 1, "label": p.text, "rate_code": p.phone}]),
    "refund reason": _set("refunds", lambda p: [{"id": 1, "reason": p.text, "total": "-1.00"}]),
    "customer note": _set("customer_note", _text),
    "billing city": _set("billing.city", _text),
    "billing company": _set("billing.company", _text),
    "billing phone with words": _set("billing.phone", lambda p: f"{p.phone} спросить {p.name}"),
    "billing email with words": _set("billing.email", lambda p: f"{p.name} <{p.email}>"),
    "billing as text": _set("billing", _text),
    "shipping state": _set("shipping.state", _text),
    "device": _set("customer_user_agent", _text),
    "IP address": _set("customer_ip_address", lambda p: p.ip),
    "links": _set("_links.self.0.href", lambda p: f"https://shop.example.ru/{p.email}"),
}


class Webhooks:
    """Sends and counts; every order has a number of its own."""

    def __init__(self, ground: Ground, canaries: Canaries, *, first: int = FIRST_NUMBER) -> None:
        self._canaries = canaries
        self._shop = ground.shop
        self._number = first
        self._client = ground.hooks()

    def plain(self, entry: str) -> Person:
        """One order of a fresh person."""
        person = self._canaries.person(f"webhook, {entry}")
        self._send(self._order(person), 200)
        return person

    def noted(self, entry: str, note: str) -> None:
        """One order of a fresh person, with this note."""
        payload = self._order(self._canaries.person(entry))
        self._send(payload | {"customer_note": note}, 200)

    def marked(self, code: str) -> None:
        """One order whose campaign has this code, which is no person and passes: where it comes to, orders come."""
        payload = self._order(self._canaries.person("webhook, marked order"))
        _mark("utm_campaign", lambda _: code)(payload, self._canaries.person("webhook, nobody"))
        self._send(payload, 200)

    def all(self) -> None:
        regular = self.plain("order")
        for entry, plant in ODD.items():
            payload = self._order(regular)
            plant(payload, self._canaries.person(f"webhook, {entry}"))
            self._send(payload, None)
        self._two_persons()
        self._changes()
        self._refused()
        self._goods()

    def _order(self, person: Person) -> Order:
        self._number += 1
        return order(self._number, buyer=person.buyer, note=f"Домофон: {person.word}")

    def _send(self, payload: Order, expected: int | None, *, topic: Any = "order.created") -> None:
        answer = self._shop.send(topic, payload, client=self._client)
        _expect(answer, expected)

    def _two_persons(self) -> None:
        buyer = self._canaries.person("webhook, buyer of a gift")
        recipient = self._canaries.person("webhook, recipient of a gift")
        self._number += 1
        payload = order(self._number, buyer=buyer.buyer, recipient=recipient.buyer, note=recipient.text)
        self._send(payload | {"customer_ip_address": buyer.ip}, 200)

    def _changes(self) -> None:
        """An order that is delivered twice, changed to another person, and deleted with a person in the notice."""
        payload = self._order(self._canaries.person("webhook, before an update"))
        self._send(payload, 200)
        self._send(payload, 200)
        changed = copy.deepcopy(payload) | {"date_modified_gmt": "2026-12-01T10:00:00"}
        changed["billing"] = self._order(self._canaries.person("webhook, update"))["billing"]
        self._send(changed, 200, topic="order.updated")
        person = self._canaries.person("webhook, deletion")
        self._send({"id": payload["id"], "by": person.text, person.email: 1}, None, topic="order.deleted")

    def _refused(self) -> None:
        """What the gateway turns away must be gone altogether."""
        shop, client = self._shop, self._client
        body = encode(self._order(self._canaries.person("webhook, wrong signature")))
        headers = shop.with_secret("wrong").headers("order.created", body)
        _expect(client.post(shop.url, content=body, headers=headers), 401)
        person = self._canaries.person("webhook, broken JSON")
        body = b'{"id": 1, "billing": "' + person.text.encode()
        _expect(client.post(shop.url, content=body, headers=shop.headers("order.created", body)), 400)
        person = self._canaries.person("webhook, too big")
        body = encode(self._order(person) | {"filler": person.text * (TOO_BIG // len(person.text) + 1)})
        _expect(client.post(shop.url, content=body, headers=shop.headers("order.created", body)), 413)
        person = self._canaries.person("webhook, address and headers")
        body = encode(self._order(person))
        odd = shop.headers("order.created", body) | {"x-wc-webhook-source": f"https://x/{person.phone}"}
        odd["user-agent"] = f"{person.email} {person.phone}"
        client.post(shop.url, content=body, headers=odd, params={"who": person.text})
        client.post(f"{shop.url}/{person.phone}", content=body, headers=odd)

    def _goods(self) -> None:
        """A phone or an email in a title is kept out; a bare name in a title is the shop's own wording."""
        for topic in ("product.created", "product.updated"):
            person = self._canaries.person(f"webhook, {topic}")
            for number, value in enumerate((person.phone, person.email), start=901):
                payload = product(number, f"SKU-{value}", f"Подарок {value}", "10.00") | {"description": person.text}
                self._send(payload, None, topic=topic)


def _expect(answer: httpx.Response, status: int | None) -> None:
    if status is not None and answer.status_code != status:
        message = f"the gateway answered {answer.status_code} where {status} was expected: the check would prove little"
        raise InstanceProblem(message)
