"""What of an order leaves, and what cannot."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pii_vault.core.classes import load_classes
from pii_vault.gateway.errors import BrokenPayload
from pii_vault.gateway.port import Delivery, Draft
from pii_vault.gateway.woocommerce import WooCommerce
from tests.support import woocommerce

CLASSES = load_classes(Path(__file__).parents[4] / "policies" / "classes.yaml")
CONNECTOR = WooCommerce()


def taken(order: Mapping[str, Any]) -> Draft:
    body = woocommerce.encode(order)
    delivery = CONNECTOR.parse(headers=woocommerce.headers("order.created", body), body=body)
    assert isinstance(delivery, Delivery)
    return CONNECTOR.take_out(delivery, dictionary=woocommerce.DICTIONARY, classes=CLASSES)  # type: ignore[arg-type]


def an_order(**changes: Any) -> dict[str, Any]:
    recipient = woocommerce.buyer(2)
    return woocommerce.order(1234, buyer=woocommerce.buyer(1), recipient=recipient) | changes


# --- canaries ----------------------------------------------------------------------------------------

CANARIES = (
    "Канарейкина Зинаида",
    "+7 (916) 745-31-86",
    "79167453186",
    "zinaida.kanareykina@example.ru",
    "г. Тверь, ул. Канареечная, д. 7",
    "<script>alert('Канарейкина')</script>",
    9167453186,
    79167453186,
)


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every position inside a payload."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from places(child, (*path, key))


def planted(value: Any, path: tuple[str | int, ...], canary: Any, *, as_key: bool) -> Any:
    """A copy with the canary in place of the value, or of the key, at this position."""
    if not path:
        return canary
    head, rest = path[0], path[1:]
    if isinstance(value, list):
        return [
            planted(each, rest, canary, as_key=as_key) if n == head and (rest or not as_key) else each
            for n, each in enumerate(value)
        ]
    if as_key and not rest:
        return {str(canary) if key == head else key: each for key, each in value.items()}
    return {key: planted(each, rest, canary, as_key=as_key) if key == head else each for key, each in value.items()}


def forms(canary: Any) -> Iterator[str]:
    text = str(canary)
    yield text
    yield text.lower()
    yield json.dumps(text)[1:-1]
    digits = "".join(filter(str.isdigit, text))
    if len(digits) >= 10:
        yield digits[-10:]
    yield from (word for word in ("Канарейкин", "Канареечн", "kanareykina") if word in text)


def leaks(draft: Draft, canary: Any) -> list[str]:
    body = msgspec.json.encode(draft.plain).decode()
    spoken = body + msgspec.json.encode(draft.plain).decode().lower() + json.dumps(draft.plain)
    bare = "".join(filter(str.isdigit, body.replace("-", "")))
    digits = "".join(filter(str.isdigit, str(canary)))
    found = [form for form in forms(canary) if form in spoken]
    return found + ([digits] if len(digits) >= 10 and digits[-10:] in bare else [])


PAYLOAD = an_order()
PLACES = list(places(PAYLOAD))


@pytest.mark.parametrize("canary", CANARIES, ids=range(len(CANARIES)))
@pytest.mark.parametrize("as_key", [False, True], ids=["value", "key"])
def test_a_canary_at_any_position_never_leaves(canary: Any, *, as_key: bool) -> None:
    kept = 0
    for path in PLACES:
        try:
            draft = taken(planted(PAYLOAD, path, canary, as_key=as_key))
        except BrokenPayload:
            continue
        assert leaks(draft, canary) == [], path
        kept += 1
    assert kept > len(PLACES) * 0.8  # most orders still come through


def test_the_canary_check_itself_finds_what_leaves() -> None:
    draft = taken(an_order())
    assert leaks(Draft(plain=dict(draft.plain) | {"title": "К " + str(CANARIES[0])}), CANARIES[0])
    assert leaks(Draft(plain=dict(draft.plain) | {"number": "9167453186"}), CANARIES[1])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.just("Канарейкина Зинаида"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=15), inner, max_size=4),
    max_leaves=10,
)


@settings(deadline=None)  # the machine may be busy
@given(path=st.sampled_from(PLACES), value=json_values, as_key=st.booleans())
def test_any_json_at_any_position_is_taken_or_refused_and_never_leaks(
    path: tuple[str | int, ...], value: Any, *, as_key: bool
) -> None:
    payload = planted(PAYLOAD, path, value, as_key=as_key)
    payload["billing_note"] = "Канарейкина Зинаида"
    try:
        draft = taken(payload)
    except BrokenPayload:
        return
    assert leaks(draft, "Канарейкина Зинаида") == []
    assert "billing_note" in str(draft.rest)


# --- what passes -------------------------------------------------------------------------------------


def test_plain_facts_pass() -> None:
    plain = taken(an_order(status="on-hold", number="WEB-1234")).plain
    assert (plain["number"], plain["status"], plain["currency"]) == ("WEB-1234", "on-hold", "RUB")
    assert plain["shipping_total"] == "350.00"
    assert plain["payment_method"] in (
        {"code": "cod", "title": "Оплата при получении"},
        {"code": "bacs", "title": "Банковский перевод"},
    )
    assert plain["source"].keys() == {"utm_source", "utm_medium", "utm_campaign"}
    assert plain["created_at"].endswith("Z")


@pytest.mark.parametrize(
    "number", ["Иванов", "ivanova", "8-916-745-31-86", "79167453186", "1" * 21, "", "№5", "NO-DIGIT", 79167453186]
)
def test_a_number_that_might_be_a_person_stays_inside(number: Any) -> None:
    draft = taken(an_order(number=number))
    assert draft.plain["number"] == "1234"
    assert number == "" or str(number) in str(draft.rest)


@pytest.mark.parametrize("mark", ["+79167453186", "a b", "zinaida@example.ru", "x" * 65, "79167453186", 5, None])
def test_a_mark_that_is_no_code_stays_inside(mark: Any) -> None:
    meta = [{"id": 1, "key": "_wc_order_attribution_utm_source", "value": mark}]
    assert taken(an_order(meta_data=meta)).plain["source"] == {}


def test_titles_come_from_the_dictionary_only() -> None:
    line = {"id": 7, "name": "Кружка для Зинаиды", "product_id": 501, "sku": "X", "quantity": 2, "price": 445.0,
            "total": "890.00"}  # fmt: skip
    unknown = line | {"id": 8, "product_id": 999, "name": "Сюрприз"}
    draft = taken(an_order(line_items=[line, unknown]))
    assert [item["title"] for item in draft.plain["items"]] == ["Кружка «Гжель», 350 мл", None]
    assert [item["sku"] for item in draft.plain["items"]] == [None, None]
    assert draft.plain["items"][0]["quantity"] == "2"
    for kept in ("Зинаиды", "Сюрприз", '"X"'):
        assert kept in str(draft.rest)


def test_a_line_without_a_sum_goes_to_the_rest_whole() -> None:
    draft = taken(an_order(line_items=[{"id": 7, "name": "Кружка", "product_id": 501, "quantity": 2}]))
    assert draft.plain["items"] == []
    assert "Кружка" in str(draft.rest)


def test_unknown_methods_and_statuses_stay_inside() -> None:
    lines = [{"id": 1, "method_id": "зайду-сама", "method_title": "К Зинаиде", "total": "0.00"}]
    draft = taken(an_order(payment_method="hand", status="wc-к-зинаиде", shipping_lines=lines))
    assert draft.plain["payment_method"] is None
    assert draft.plain["delivery_method"] is None
    assert draft.plain["status"] == "unknown"
    for kept in ("hand", "wc-к-зинаиде", "зайду-сама", "К Зинаиде"):
        assert kept in str(draft.rest)


def test_what_must_not_be_kept_is_dropped() -> None:
    order = an_order()
    text = str(taken(order).rest)
    for key in ("customer_ip_address", "customer_user_agent", "order_key", "cart_hash"):
        assert order[key] not in text
    assert "Gecko" not in text


@pytest.mark.parametrize(
    ("city", "passed"), [("Тверь", "Тверь"), ("г. тверь", "Тверь"), ("Тверь, Зинаиде", None), ("Владимир", None)]
)
def test_only_a_city_of_the_list_passes(city: str, passed: str | None) -> None:
    order = an_order()
    for party in ("billing", "shipping"):
        order[party] |= {"city": city}
    assert taken(order).plain["city"] == passed


@pytest.mark.parametrize("missing", ["id", "total", "currency"])
def test_without_what_an_order_needs_it_is_refused(missing: str) -> None:
    order = an_order()
    del order[missing]
    with pytest.raises(BrokenPayload):
        taken(order)


# --- persons -----------------------------------------------------------------------------------------


def test_the_buyer_and_another_recipient() -> None:
    draft = taken(an_order())
    buyer, recipient = woocommerce.buyer(1), woocommerce.buyer(2)
    assert draft.contact is not None
    assert draft.recipient is not None
    assert draft.contact.values["name"] == [buyer.name]
    assert draft.contact.values["phone"] == [buyer.phone]
    assert draft.recipient.values["name"] == [recipient.name]
    assert "email" not in draft.recipient.values


def test_another_address_alone_is_the_same_person() -> None:
    order = woocommerce.order(1, buyer=woocommerce.buyer(1))
    order["shipping"] |= {"address_1": "ул. Дачная, д. 3"}
    draft = taken(order)
    assert draft.recipient is None
    assert draft.contact is not None
    assert len(draft.contact.values["address"]) == 2


def test_a_value_that_is_none_of_its_class_goes_to_the_rest() -> None:
    order = an_order()
    order["billing"] |= {"phone": "спросите Зинаиду", "email": "нет"}
    draft = taken(order)
    assert draft.contact is not None
    assert set(draft.contact.values) == {"name", "address"}
    assert "спросите Зинаиду" in str(draft.rest)
    assert '"нет"' in str(draft.rest)


def test_equal_rests_are_equal_texts() -> None:
    order = an_order()
    turned = dict(reversed(list(order.items())))
    assert taken(order).rest == taken(turned).rest


def test_the_rest_is_cut_at_its_limit() -> None:
    text = taken(an_order(extra=["x" * 1000] * 100)).rest
    assert text is not None
    assert len(text) == CLASSES.get("text").max_length


def test_drafts_do_not_show_their_persons() -> None:
    draft = taken(an_order())
    assert woocommerce.buyer(1).last_name not in repr(draft)
    assert woocommerce.buyer(1).phone not in repr(draft.contact)


def test_codes_that_the_database_cannot_be_asked_for_are_not_asked_for() -> None:
    order = an_order(payment_method="c\0od")
    body = woocommerce.encode(order)
    delivery = CONNECTOR.parse(headers=woocommerce.headers("order.created", body), body=body)
    assert isinstance(delivery, Delivery)
    asked = {code for _, code in CONNECTOR.codes(delivery)}
    assert asked
    assert all(code.isprintable() for code in asked)
    assert taken(order).plain["payment_method"] is None
