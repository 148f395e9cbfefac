"""What a browser sends of a field becomes a parameter, and what is refused is not shown again."""

from typing import Any

import pytest

from app.messages.fields import fields_of, read_given
from pii_vault.client import OfferedParameter, OfferedTemplate

POST, SHOP = "https://www.post.example/t/", "https://shop.example/track?id="
KINDS = {
    "number": OfferedParameter("order_number"),
    "day": OfferedParameter("date"),
    "how": OfferedParameter("choice", words=["почтой", "курьером"]),
    "track": OfferedParameter("link", starts=[POST, SHOP]),
}


def template(**changes: Any) -> OfferedTemplate:
    stated: dict[str, Any] = {
        "id": "told", "version": 1, "digest": "d" * 64, "title": "x", "purpose": "delivery", "channel": "sms",
        "parameters": sorted(KINDS), "consent_needed": False, "kinds": KINDS,
    }  # fmt: skip
    return OfferedTemplate(**stated | changes)


def read(typed: dict[str, str], **changes: Any) -> dict[str, str]:
    return read_given(template(**changes), lambda name: typed.get(name, ""))


TYPED = {"given_number": " 1001 ", "given_day": "2026-11-29", "given_how": "почтой", "given_track": "1001"}


def test_a_date_is_sent_as_a_person_reads_it_and_to_a_partner_as_it_came() -> None:
    assert read(TYPED)["day"] == "29.11.2026"
    assert read(TYPED, channel="api")["day"] == "2026-11-29"
    assert read(TYPED | {"given_day": "завтра"})["day"] == "завтра"  # a browser without such a field; it will not fit


@pytest.mark.parametrize(
    ("start", "typed", "sent"),
    [
        (SHOP, "1001", f"{SHOP}1001"),
        (SHOP, f"{POST}RA123456785RU", f"{POST}RA123456785RU"),  # pasted as a whole
        ("", "1001", "1001"),
    ],
)
def test_a_link_is_its_beginning_and_the_code(start: str, typed: str, sent: str) -> None:
    assert read(TYPED | {"start_track": start, "given_track": typed})["track"] == sent


def test_only_what_the_template_names_is_read() -> None:
    assert set(read(TYPED | {"given_extra": "Анна"})) == set(KINDS)


def test_what_fits_stands_there_again_and_what_does_not_is_marked() -> None:
    given = {"number": "Анна", "day": "29.11.2026", "how": "почтой", "track": f"{SHOP}1001"}
    found = {each.name: each for each in fields_of(template(), number="7", given=given)}
    assert (found["number"].value, found["number"].wrong) == ("", True)
    assert (found["day"].value, found["day"].wrong) == ("2026-11-29", False)
    assert found["how"].value == "почтой"
    assert (found["track"].start, found["track"].value) == (SHOP, "1001")


def test_an_orders_number_stands_where_one_is_asked_for() -> None:
    found = {each.name: each for each in fields_of(template(), number="WC-7", given={})}
    assert {name: each.value for name, each in found.items()} == {"number": "WC-7", "day": "", "how": "", "track": ""}
    assert not [each for each in found.values() if each.wrong]
