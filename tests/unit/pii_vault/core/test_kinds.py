"""What passes as a parameter of a message, and that nothing of a person does under any kind."""

import random
from collections.abc import Iterator
from datetime import date
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pii_vault.core.checksums import inn_is_valid, luhn_is_valid, ogrn_is_valid, snils_is_valid
from pii_vault.core.kinds import EXPECTED, KINDS, LONGEST, find_misfits, fits
from pii_vault.relay.schemas import OfferedParameter
from tests.support.persons import CITIES, GIVEN, PATRONYMICS, STREETS, SURNAMES, Person, person

START = "https://shop.example/track?id="
DECLARED: dict[str, OfferedParameter] = {
    **{kind: OfferedParameter(kind) for kind in KINDS},
    "link": OfferedParameter("link", starts=[START, "https://www.post.example/t/"]),
    "choice": OfferedParameter("choice", words=["самовывоз", "курьер"]),
}
FIT = {
    "number": ["0", "3", "-2,5", "123456789", "0.75"],
    "money": ["990", "1250,50", "1 250,50", "1\u00a0250 руб.", "9999999.99", "990 ₽", "5 р.", "1 250 000"],
    "date": ["29.11.2026", "29.11", "29.02", "2026-11-29", "01.01.2020"],
    "time": ["18:00", "9:05", "00:00", "23:59"],
    "order_number": [
        "1001", "№ 7001/2", "#12", "WC-1001-A", "wc-1001", "ЦБ00-000123", "0000-000123", "89491381-0072-1",
        "0133857452-0016-1",
        "SAL2026", "B2B-77", "29-11-2026",
    ],
    "tracking_code": ["RA123456785RU", "80083412345678", "1105834219", "RU012345678", "LP00123456789012", "12-34567"],
    "link": [
        f"{START}1001", f"{START}RA123456785RU", "https://www.post.example/t/80083412345678",
        f"{START}550e8400-e29b-41d4-a716-446655440000", f"{START}0f3c9a77d2b14e5f",
    ],
    "choice": ["самовывоз", "курьер"],
}  # fmt: skip
UNFIT = {
    "number": ["", " 3", "3 ", "1234567890", "12345678.90", "1e5", "٣", "³", "5 шт", "12-34", "+5", "\n3"],
    "money": ["", "12345678", "1 2 345", "1250,5", "1 250 USD", "руб", "1 250 000 000", "-5"],
    "date": ["", "31.04", "29.02.2027", "12.03.1985", "1985-03-12", "31.12.2019", "29/11/2026", "завтра", "2026-11"],
    "time": ["", "24:00", "18", "18:60", "18:00:00", "вечером"],
    "order_number": [
        "", "-", "№", "ABC", "A-B", "SALES-2026", "1001 срочно", "10 01", "1001-", "--1", "1" * 12, "1" * 16,
        "12-03-1985", "1985/3/12", "А123ВС77", "a123bc777", "Wc-1001", "ABC-12", "SALE2026", "1001\n", "１００１",
    ],
    "tracking_code": ["", "1234", "ABCD12345", "Ra123456785ru", "RA 123456785 RU", "ЯН-12345", "2105834219", "1" * 11],
    "link": [
        START, "https://evil.example/track?id=1001", f"http{START[5:]}1001", f"{START}1001/../admin", f"{START}1&x=2",
        f"{START}1001#anna", "https://shop.example@evil.example/1", f"{START}№ 1001", f"{START}//1", f"{START}ЦБ-100",
        f"{START}1234567890123456", f"{START}a79161234567ffff", "https://shop.example/track", f" {START}1001",
    ],
    "choice": ["", "Курьер", "курьер ", "самовывоз, курьер", "Анна"],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind in KINDS for value in FIT[kind]])
def test_what_is_of_a_kind(kind: str, value: str) -> None:
    assert fits(value, DECLARED[kind])


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind in KINDS for value in UNFIT[kind]])
def test_what_is_not(kind: str, value: str) -> None:
    assert not fits(value, DECLARED[kind])


def test_each_kind_is_explained_and_an_unknown_one_takes_nothing() -> None:
    assert set(EXPECTED) == set(KINDS)
    assert not fits("1", OfferedParameter("code"))
    assert not fits("1", OfferedParameter("choice"))
    assert not fits(f"{START}1", OfferedParameter("link"))
    long = OfferedParameter("choice", words=["a" * (LONGEST + 1)])
    assert not fits("a" * (LONGEST + 1), long)


def test_missing_undeclared_and_unfit_ones_are_named() -> None:
    declared = {"number": DECLARED["order_number"], "when": DECLARED["date"], "sum": DECLARED["money"]}
    right = {"number": "1001", "when": "29.11", "sum": "990"}
    assert find_misfits(right, declared) == {}
    assert find_misfits({}, {}) == {}
    wrong = {"number": "Анна", "when": "29.11", "extra": "1", "Пётр Петров": "2"}
    none = "the template declares none of this name"
    assert find_misfits(wrong, declared) == {
        "": none, "extra": none, "number": f"expected is {EXPECTED['order_number']}",
        "sum": f"it is missing; expected is {EXPECTED['money']}",
    }  # fmt: skip
    assert "newer" in find_misfits({"x": "1"}, {"x": OfferedParameter("weight")})["x"]


def refused(value: str) -> None:
    """Under every kind, and as the end of a link too. What is asserted holds no value: a failure would print it."""
    for kind, end in product(KINDS, ("", START)):
        if fits(end + value, DECLARED[kind]):
            pytest.fail(f"{value!r} passes as {kind}")


def spellings(text: str) -> Iterator[str]:
    """As it is, as people and programs write it, and as a link carries it."""
    yield from {text, text.upper(), text.lower(), f" {text} ", text.replace(" ", "+"), text.replace(" ", "-")}


@given(st.integers(0, 10_000))
def test_nothing_of_a_person_passes(seed: int) -> None:
    who = person(seed)
    # A house or a flat alone is a number like any other.
    parts = [who.name, *who.name.split(), who.phone, who.email, who.address, who.city, *who.street.split(", ")]
    parts += [f"{who.given} {who.phone[-4:]}", f"{who.given}{seed}", f"{who.surname} {who.given[0]}."]
    parts += [who.email.partition("@")[0] + "@", *phones(who)]
    for part in parts:
        for spelling in spellings(part):
            refused(spelling)


def phones(who: Person) -> list[str]:
    bare = who.phone[2:]
    a, b, c, d = bare[:3], bare[3:6], bare[6:8], bare[8:]
    return [
        bare, f"7{bare}", f"8{bare}", f"+7{bare}", f"00 7{bare}", f"007{bare}", f"8107{bare}", f"8-10-7-{bare}",
        f"8({a}){b}-{c}-{d}", f"8-{a}-{b}-{c}-{d}", f"{a}-{b}-{c}-{d}", f"7/{a}/{b}/{c}{d}", f"№ 8{bare}", f"#{bare}",
        f"A{bare}", f"8{bare}-A", f"T-{bare}", f"{bare}T", f"{a} {b}{c}{d}", f"{bare},00", f"{bare[:7]}.{bare[7:]}",
        f"{bare}-001", f"T{bare}-001", f"T7{bare}-12", f"12-8{bare}", f"{bare}/0001", f"ABC-8{bare}-12",
    ]  # fmt: skip


SHORT = ("Ян", "Яна", "Ия", "Ли", "Ева", "Лев", "Юля", "Цой", "Ivan", "Anna", "Ann", "Lee", "Bob", "Petrov", "O'Neil")


@pytest.mark.parametrize("word", [*GIVEN, *SURNAMES, *PATRONYMICS, *STREETS, *CITIES, *SHORT])
def test_no_word_passes_however_short(word: str) -> None:
    for spelling in spellings(word):
        refused(spelling)


@given(st.text(alphabet=st.characters(categories=["L", "M", "Z", "P"]), max_size=40))
def test_nothing_without_a_digit_passes(text: str) -> None:
    refused(text)


def _with_check(draw: random.Random, size: int) -> str:
    """A number of this size with the right check digits, as documents have it."""
    valid = {10: inn_is_valid, 12: inn_is_valid, 11: snils_is_valid, 15: ogrn_is_valid, 16: luhn_is_valid}[size]
    first = {15: "3", 16: "2200"}.get(size, str(draw.randrange(2, 10)))
    while True:
        body = first + "".join(str(draw.randrange(10)) for _ in range(size - len(first) - 2))
        for tail in range(100):
            if valid(found := f"{body}{tail:02}"):
                return found


@given(st.integers(0, 10_000), st.sampled_from([10, 11, 12, 15, 16]))
def test_no_number_of_a_document_or_card_passes(seed: int, size: int) -> None:
    digits = _with_check(random.Random(seed), size)
    for value in (digits, f"№ {digits}", f"A{digits}", "-".join(digits[at : at + 4] for at in range(0, size, 4))):
        refused(value)


@given(st.integers(20, 99), st.integers(0, 99), st.integers(0, 999_999))
def test_no_passport_passes(region: int, year: int, number: int) -> None:
    """Of a series from 10 to 19, written as one number, a passport is what a parcel's code is: ADR 0048."""
    series, page = f"{region:02}{year:02}", f"{number:06}"
    for value in (
        f"{series}{page}",
        f"{series} {page}",
        f"{series}-{page}",
        f"{series}/{page}",
        f"№ {series}{page}",
        f"{region:02}-{year:02}-{page}",
    ):
        refused(value)
        refused(f"{value}-001")
    assert not fits(f"{11}{year:02}-{page}", DECLARED["tracking_code"])


@given(
    st.dates(date(1900, 1, 1), date(2019, 12, 31)),
    st.sampled_from(["%d.%m.%Y", "%Y-%m-%d", "%d-%m-%Y", "%d/%m/%Y", "%Y/%m/%d", "№ %d-%m-%Y"]),
)
def test_no_day_of_birth_of_a_grown_up_passes(day: date, form: str) -> None:
    refused(f"{day:{form}}")


@given(st.integers(1, 999_999_999), st.sampled_from(["", "№ ", "#", "WC-", "ЦБ-"]))
def test_any_counter_is_an_orders_number(number: int, prefix: str) -> None:
    text = f"{prefix}{number:06}"
    assert fits(text, DECLARED["order_number"])
    assert fits(f"{START}{number:06}", DECLARED["link"])
