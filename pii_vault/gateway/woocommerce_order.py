"""Composes the CRM's order out of a WooCommerce order taken apart."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from pii_vault.core.classes import ClassRegistry, normalise
from pii_vault.errors import InvalidValue
from pii_vault.gateway import fields
from pii_vault.gateway.errors import BrokenPayload
from pii_vault.gateway.fields import NotPassed
from pii_vault.gateway.port import Dictionary, Draft, PersonDraft
from pii_vault.gateway.take_out import Taken, collect_rest, rest_text

ADDRESS_PARTS: Final = ("postcode", "state", "city", "address_1", "address_2")
HOME_COUNTRY: Final = "RU"
MARK_PREFIX: Final = "_wc_order_attribution_"
MARKS: Final = frozenset({"utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term"})
DROPPED_META: Final = frozenset({"_wc_order_attribution_user_agent"})
UNKNOWN_STATUS: Final = "unknown"
NO_MONEY: Final = "0.00"


def compose(order: Taken, dictionary: Dictionary, *, classes: ClassRegistry) -> Draft:
    """The draft of an order. Raises BrokenPayload when what an order cannot do without is missing."""
    passed = order.passed
    if not {"id", "currency", "total"} <= passed.keys():
        raise BrokenPayload
    billing, shipping = order.group("billing"), order.group("shipping")
    city = _city(shipping) or _city(billing)
    contact, recipient = _people(billing, shipping, classes)
    modified = passed.get("date_modified_gmt") or passed.get("date_created_gmt")
    plain = {
        "number": passed.get("number", passed["id"]),
        "status": passed.get("status", UNKNOWN_STATUS),
        "currency": passed["currency"],
        "total": passed["total"],
        "shipping_total": passed.get("shipping_total", NO_MONEY),
        "discount_total": passed.get("discount_total", NO_MONEY),
        "created_at": passed.get("date_created_gmt", modified),
        "modified_at": modified,
        "source": _source(order),
        "payment_method": _method(order, passed.get("payment_method"), "payment_method_title"),
        "delivery_method": _delivery(order),
        "city": city,
        "items": _items(order, dictionary),
    }
    note = _note(order, classes)
    rest = rest_text(collect_rest(order), limit=classes.get("text").max_length)
    return Draft(plain=plain, contact=contact, recipient=recipient, note=note, rest=rest)


def _method(taken: Taken, method: dict[str, str] | None, title_key: str) -> dict[str, str] | None:
    wording = taken.wording.get(title_key)
    if wording is not None and (method is None or wording != method["title"]):
        taken.keep(title_key, wording)
    return method


def _delivery(order: Taken) -> dict[str, str] | None:
    methods = [
        _method(line, line.passed.get("method_id"), "method_title") for line in order.groups.get("shipping_lines", ())
    ]
    return next((method for method in methods if method is not None), None)


def _source(order: Taken) -> dict[str, str]:
    """UTM marks out of the order's meta data; all other meta data stays behind."""
    source: dict[str, str] = {}
    for entry in order.groups.get("meta_data", ()):
        key, value = entry.wording.get("key"), entry.wording.get("value")
        mark = key.removeprefix(MARK_PREFIX) if key and key.startswith(MARK_PREFIX) else None
        try:
            if mark in MARKS and mark is not None:
                source[mark] = fields.as_mark(value, {})
                continue
        except NotPassed:
            pass
        if key not in DROPPED_META:
            for name, text in entry.wording.items():
                entry.keep(name, text)
        else:
            entry.rest.clear()
    return source


def _items(order: Taken, dictionary: Dictionary) -> list[dict[str, Any]]:
    items = []
    for line in order.groups.get("line_items", ()):
        item = _item(line, dictionary)
        if item is None:
            for key, value in (line.passed | line.wording).items():
                line.keep(key, value)
        else:
            items.append(item)
    return items


def _item(line: Taken, dictionary: Dictionary) -> dict[str, Any] | None:
    passed = line.passed
    if not {"id", "quantity", "total"} <= passed.keys():
        return None
    sku = passed.get("sku")
    ids = [passed[key] for key in ("variation_id", "product_id") if key in passed]
    titles = [dictionary[("goods", number)] for number in ids if ("goods", number) in dictionary]
    if sku is not None:
        titles.append(sku["title"])
    for key in ("name", "parent_name"):
        if (wording := line.wording.get(key)) is not None and wording not in titles:
            line.keep(key, wording)
    return {
        "external_id": passed["id"],
        "product_id": passed.get("product_id"),
        "sku": sku["code"] if sku else None,
        "title": titles[0] if titles else None,
        "quantity": passed["quantity"],
        "price": passed.get("price", NO_MONEY),
        "total": passed["total"],
    }


def _note(order: Taken, classes: ClassRegistry) -> str | None:
    note = order.personal.get("customer_note")
    if note is not None and len(note) > classes.get("text").max_length:
        order.keep("customer_note", note)
        return None
    return note


def _people(billing: Taken, shipping: Taken, classes: ClassRegistry) -> tuple[PersonDraft | None, PersonDraft | None]:
    """Who ordered and, if it is somebody else, who receives. Another address alone makes no other person."""
    buyer, receiver = _values(billing, classes), _values(shipping, classes)
    if not receiver:
        return _person(buyer), None
    if not buyer:
        return _person(receiver), None
    if _differ(buyer, receiver, "name", classes) or _differ(buyer, receiver, "phone", classes):
        return _person(buyer), _person(receiver)
    for class_id, values in receiver.items():
        known = buyer.setdefault(class_id, [])
        known.extend(value for value in values if value not in known)
    return _person(buyer), None


def _person(values: dict[str, list[str]]) -> PersonDraft | None:
    return PersonDraft(values) if values else None


def _differ(one: dict[str, list[str]], other: dict[str, list[str]], class_id: str, classes: ClassRegistry) -> bool:
    first, second = one.get(class_id), other.get(class_id)
    if not first or not second:
        return False
    field_class = classes.get(class_id)
    return normalise(field_class, first[0]) != normalise(field_class, second[0])


def _values(party: Taken, classes: ClassRegistry) -> dict[str, list[str]]:
    """The values of one party by class. What is no value of its class goes to the rest, not into the bin."""
    personal = party.personal
    found: dict[str, list[str]] = {}
    for class_id, parts in (
        ("name", ("last_name", "first_name")),
        ("phone", ("phone",)),
        ("email", ("email",)),
        ("address", _address_parts(personal)),
    ):
        value = _joined((personal.get(part) for part in parts), ", " if class_id == "address" else " ")
        if not value:
            continue
        try:
            normalise(classes.get(class_id), value)
        except InvalidValue:
            for part in parts:
                party.keep(part, personal.get(part))
        else:
            found[class_id] = [value]
    return found


def _address_parts(personal: dict[str, str]) -> Sequence[str]:
    """A country alone, which shops fill in by themselves, is no address."""
    if not any(personal.get(part) for part in ADDRESS_PARTS):
        return ()
    return ADDRESS_PARTS if personal.get("country", HOME_COUNTRY) == HOME_COUNTRY else (*ADDRESS_PARTS, "country")


def _joined(parts: Iterable[str | None], separator: str) -> str:
    return separator.join(part for part in parts if part)


def _city(party: Taken) -> str | None:
    """The city, if it is one of the list and nothing else."""
    return cities().get(_folded(party.personal.get("city", "")))


def _folded(name: str) -> str:
    bare = name.casefold().replace("ё", "е").removeprefix("г.").removeprefix("город ").removeprefix("г ")
    return " ".join(bare.split())


@lru_cache(maxsize=1)
def cities() -> dict[str, str]:
    """The dictionary of cities: folded name → name. Read once, on first use."""
    text = files("pii_vault.gateway").joinpath("cities.txt").read_text("utf-8")
    names = [line.strip() for line in text.splitlines()]
    return {_folded(name): name for name in names if name and not name.startswith("#")}
