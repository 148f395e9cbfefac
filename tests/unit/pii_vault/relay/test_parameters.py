"""What a template declares of its parameters is approved with it, and whoever sends others is told which."""

from typing import Any

import pytest

from pii_vault.relay.errors import BadParameters, BadTemplate
from pii_vault.relay.parameters import MOST_PARAMETERS, Parameter, check_given
from pii_vault.relay.template import read_stored, read_template

STARTS = ["https://shop.example/track?id="]
TEXT = "{{given.number}} {{given.where}} {{given.link}}"
DECLARED: dict[str, Any] = {
    "number": "order_number",
    "where": {"kind": "choice", "words": ["самовывоз", "курьер"]},
    "link": {"kind": "link", "starts": STARTS},
}


def content(parameters: Any = None, text: str = TEXT) -> dict[str, Any]:
    return {
        "id": "order-sent", "version": 1, "title": "Заказ отправлен", "purpose": "delivery", "destination": "web",
        "parameters": DECLARED if parameters is None else parameters, "sms": {"text": text},
    }  # fmt: skip


def test_a_short_declaration_is_the_same_as_the_long_one() -> None:
    long = DECLARED | {"number": {"kind": "order_number"}}
    assert read_template(content()).digest == read_template(content(long)).digest
    assert read_template(content()).is_typed


def test_the_digest_is_of_the_declaration_too() -> None:
    changed: list[dict[str, Any]] = [
        {"number": "tracking_code"},
        {"where": {"kind": "choice", "words": ["самовывоз"]}},
        {"where": {"kind": "choice", "words": ["курьер", "самовывоз"]}},
        {"link": {"kind": "link", "starts": ["https://evil.example/track?id="]}},
    ]
    digests = {read_template(content(DECLARED | each)).digest for each in changed}
    assert len(digests | {read_template(content()).digest}) == len(changed) + 1


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({}, "parameters.number: say of which kind"),
        ({each: DECLARED[each] for each in ("number", "link")}, "parameters.where: say"),
        (DECLARED | {"extra": "date"}, "parameters.extra: it stands nowhere"),
        (DECLARED | {"number": "code"}, "parameters.number"),
        (DECLARED | {"number": {"kind": "order_number", "words": ["1"]}}, "parameters.number"),
        (DECLARED | {"number": {"kind": "order_number", "most": 3}}, "parameters.number"),
        (DECLARED | {"where": "choice"}, "parameters.where"),
        (DECLARED | {"where": {"kind": "choice", "words": []}}, "parameters.where"),
        (DECLARED | {"where": {"kind": "choice", "words": ["a", "a"]}}, "parameters.where"),
        (DECLARED | {"where": {"kind": "choice", "words": ["a "]}}, "parameters.where"),
        (DECLARED | {"where": {"kind": "choice", "words": ["a\nb"]}}, "parameters.where"),
        (DECLARED | {"where": {"kind": "choice", "words": ["x" * 61]}}, "parameters.where"),
        (DECLARED | {"where": {"kind": "choice", "words": ["+7 916 123-45-67"]}}, "parameters.where"),
        (DECLARED | {"link": "link"}, "parameters.link"),
        (DECLARED | {"Имя": "date"}, "parameters"),
        (DECLARED | {f"a{'b' * n}": "date" for n in range(MOST_PARAMETERS)}, "parameters"),
    ],
)
def test_what_is_no_declaration_is_refused_by_its_name(parameters: dict[str, Any], named: str) -> None:
    with pytest.raises(BadTemplate) as refused:
        read_template(content(parameters))
    assert named in refused.value.detail
    assert "916" not in refused.value.detail


@pytest.mark.parametrize(
    "start", ["https://shop.example/", "https://a.b.example/x/", "https://xn--p1ai.example/t?a=1&b="]
)
def test_links_begin_with_a_host(start: str) -> None:
    assert Parameter.model_validate({"kind": "link", "starts": [start]}).starts == [start]


@pytest.mark.parametrize(
    "start",
    [
        "http://shop.example/", "https://shop.example", "https://shop.example:8443/", "https://127.0.0.1/",
        "https://localhost/", "https://user@shop.example/", "https://shop.example/t#", "https://shop.example/track",
        "https://shop.example/../", "https://shop.example/%2e/", "https://shop.example\\@evil.example/", "https:///x/",
        "https://Shop.example/", "https://магазин.рф/", "https://shop.example/a b/", "//shop.example/", "",
        "https://shop.example/anna@example.ru/", "https://shop.example/79161234567/", "javascript:alert(1)/",
        f"https://shop.example/{'x' * 150}/",
    ],
)  # fmt: skip
def test_what_leads_elsewhere_or_holds_a_value_is_no_beginning(start: str) -> None:
    with pytest.raises(ValueError, match="a link begins"):
        Parameter.model_validate({"kind": "link", "starts": [start]})


def test_what_is_given_is_exactly_what_is_declared() -> None:
    declared = read_template(content()).parameters
    right = {"number": "1001", "where": "курьер", "link": f"{STARTS[0]}1001"}
    check_given(right, declared)
    wrong = {"number": "Анне", "extra": "anna@example.ru", "Пётр Петров": "1", "where": "курьер"}
    with pytest.raises(BadParameters) as refused:
        check_given(wrong, declared)
    said = refused.value.detail
    assert all(text in said for text in ("number: expected is an order's number", "link: it is missing", "extra: the"))
    assert "A parameter: the template declares none" in said
    assert not [value for value in ("Анне", "anna@", "Пётр", "where") if value in said]


def test_what_was_approved_before_kinds_is_read_and_told_apart() -> None:
    """Its digest is as it was, so that nobody takes it for a text that was changed."""
    old = read_template(content({}, text="Заказ в пути"))
    assert "parameters" not in old.model_dump(exclude_defaults=True)
    untyped = old.model_copy(update={"sms": old.sms.model_copy(update={"text": "{{given.number}}"})})  # type: ignore[union-attr]
    found = read_stored(untyped.model_dump_json(exclude_defaults=True), digest=untyped.digest)
    assert found is not None
    assert not found.is_typed
