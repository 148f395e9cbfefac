"""Finding personal data in clear: what must be found, what must not, and at what speed."""

import json
import os
import time
import uuid
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pii_vault.core.detect import find_personal_data, iter_decoded
from pii_vault.core.tokens import new_id, new_subject_text, new_token_text
from tests.support.persons import person

FOUND = {
    "phone": [
        "+79991234567",
        "+7 999 123-45-67",
        "+7(999)123 45 67",
        "+7\u00a0999\u00a0123\u201145\u201167",
        "89991234567",
        "79991234567",
        "8 (999) 123-45-67",
        "8-999-123-45-67",
        "8.999.123.45.67",
        "8 999 1234567",
        "8(48762)5-12-34",
        "8 (4822) 12-34-56",
        "8 495 123 45 67",
        "9991234567",
        "999 123-45-67",
        "(999) 123-45-67",
        "+375 29 123-45-67",
        "+442071234567",
        "тел89991234567",
        "тел.: 8 999 123 45 67, до шести",
        "/search/89991234567/",
        '{"phone":79991234567}',
        "tel:+79991234567",
        "order_89991234567",
        "1000 8 999 123 45 67",
        "x@1 89991234567",
    ],
    "email": [
        "ivan@example.ru",
        "Ivan.Petrov+shop@mail.example.com",
        "иван@пример.рф",
        "почта@xn--e1afmkfd.xn--p1ai",
        "<a@b.ru>",
        "to=a_b-c@example.online&x=1",
        "напишите на o'brien@example.ru.",
    ],
    "inn": ["7707083893", "ИНН 7707083893", "500100732259", "inn=1655098789"],
    "snils": ["11223344595", "112-233-445 95", "112-233-445-95", "112 233 445 95"],
    "card": [
        "4111111111111111",
        "4111 1111 1111 1111",
        "5555-5555-5555-4444",
        "2200000000000004",
        "6212345678900000003",
        "6759649826438453",
    ],
}
MISSED = [
    "",
    "0000000000",
    "000000000000",
    "+72001234567",
    "0123456789abcdefghjkmnpqrs@larets.invalid",
    "заказ 123456789",
    "1730800000",  # Unix time
    "1730800000123",
    "1730800000123456",
    "2024-11-05T10:11:12.123456+03:00",
    "2024-11-05 10:11:12",
    "05.11.2024 10:11",
    "20241105101112",
    "202411051012",
    "4607001771234",  # EAN-13
    "12 345 678.90",
    "9 161 234 567",
    "9161234567.00",
    "9161234567,50",
    "123 456 789.01",
    "+1 000 000 000",
    "84.123.123.123",
    "192.168.100.200",
    "7 8 9 10 11 12 13",
    "[7, 999, 123, 45, 67]",
    "1234567890",
    "4111111111111112",
    "1111111111111117",
    "112-233-445 94",
    "500100732258",
    "123456789012",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "a79991234567b",
    "logo@2x.png",
    "htmx.org@2.0.4/dist/htmx.min.js",
    "@media (min-width: 1024px)",
    "user@host",
    "a@b@",
    "me @ example.ru",
    "..@example.ru",
    "1" * 500,
]


@pytest.mark.parametrize(("class_id", "text"), [(key, text) for key, texts in FOUND.items() for text in texts])
def test_found(class_id: str, text: str) -> None:
    if text == "inn=1655098789":
        text = "inn=" + _inn_of_region("16")
    assert class_id in {finding.class_id for finding in find_personal_data(text)}


@pytest.mark.parametrize("text", MISSED)
def test_not_found(text: str) -> None:
    assert find_personal_data(text) == []


def _inn_of_region(region: str) -> str:
    """A number of ten digits that would pass for a Unix time, but for the word before it."""
    weights = (2, 4, 10, 3, 5, 9, 4, 6, 8)
    head = f"{region}5509878"
    return head + str(sum(int(d) * w for d, w in zip(head, weights, strict=True)) % 11 % 10)


def test_a_number_like_a_time_counts_only_after_its_name() -> None:
    number = _inn_of_region("16")
    assert find_personal_data(f"at {number}") == []
    assert [finding.class_id for finding in find_personal_data(f"ИНН: {number}")] == ["inn"]


@pytest.mark.parametrize("seed", range(30))
def test_persons_are_found_and_placed(seed: int) -> None:
    someone = person(seed)
    text = f"Заказ 1234, {someone.name}, {someone.phone}; {someone.email}, сумма 1 234.50"
    found = {(finding.class_id, text[finding.start : finding.end]) for finding in find_personal_data(text)}
    assert found == {("phone", someone.phone), ("email", someone.email)}


def test_our_own_tokens_and_ids_are_never_found() -> None:
    texts = [
        new_token_text(class_id, tenant="demo", bits=os.urandom(16))
        for class_id in ("phone", "birth_date")
        for _ in range(2000)
    ]
    texts += [new_subject_text(os.urandom(16), tenant="demo") for _ in range(500)]
    texts += [new_id(prefix) for prefix in ("evt", "ord", "con", "cnt", "stf") for _ in range(300)]
    texts += [str(uuid.UUID(int=number * 0x12345678901234567890123456789 % 2**128)) for number in range(3000)]
    texts += ["89123456-1234-4123-8123-500100732259", "tok_phone_7999123456789123456789123456"]
    for separator in (" ", ",", "/", "-", ".", '","', "=", "&"):
        assert find_personal_data(separator.join(texts)) == []


def test_a_token_does_not_hide_the_phone_beside_it() -> None:
    token = new_token_text("phone", tenant="demo", bits=os.urandom(16))
    assert len(find_personal_data(f"{token} 89991234567")) == 1


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    for finding in find_personal_data(text):
        assert 0 <= finding.start < finding.end <= len(text)


@given(st.text("0123456789 +-().@a7_\u00a0", max_size=200))
def test_no_heap_of_digits_breaks_it(text: str) -> None:
    find_personal_data(text)


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "1 ",
        "7 ",
        "9.1",
        "+1 ",
        "8(",
        "123 456 789 12 ",
        "7 916 ",
        "a@",
        "@",
        "a.",
        "@a.",
        "tok_",
        "0-",
        "a_",
        "1-2",
    ],
)
def test_time_is_linear(piece: str) -> None:
    """Twice the text must not take more than some twice the time, whatever it repeats."""

    def seconds(size: int) -> float:
        text = (piece * size)[:size]
        started = time.perf_counter()
        find_personal_data(text)
        return time.perf_counter() - started

    short = min(seconds(20_000) for _ in range(3))
    long = min(seconds(80_000) for _ in range(2))
    assert long < max(0.2, short * 16)


@pytest.mark.parametrize("value", ["+79991234567", "ivan@example.ru", "иван@пример.рф"])
@pytest.mark.parametrize(
    ("encode", "content_type"),
    [
        (lambda value: value, ""),
        (quote, ""),
        (lambda value: quote(value, safe=""), "text/plain"),
        (lambda value: quote(quote(value, safe=""), safe=""), ""),
        (lambda value: "q=" + quote_plus(value), "application/x-www-form-urlencoded; charset=utf-8"),
        (lambda value: json.dumps({"a": [value]}), "application/json"),
        (lambda value: "".join(f"\\u{ord(char):04x}" for char in value), "application/json"),
        (lambda value: "".join(f"\\u{ord(char):04X}" for char in quote(value)), "application/json"),
        (lambda value: "".join(f"&#{ord(char)};" for char in value), "text/html"),
        (lambda value: "".join(f"&#x{ord(char):x};" for char in value), ""),
    ],
)
def test_values_are_found_in_a_reading(value: str, encode: Callable[[str], str], content_type: str) -> None:
    readings = list(iter_decoded(encode(value).encode(), content_type))
    assert any(find_personal_data(reading) for reading in readings)


def test_the_charset_of_the_body_is_honoured() -> None:
    for charset in ("utf-16", "cp1251"):
        body = "иван@пример.рф 89991234567".encode(charset)
        assert any(find_personal_data(reading) for reading in iter_decoded(body, f"text/plain; charset={charset}"))


def test_form_blanks_are_blanks() -> None:
    body = b"phone=8+999+123+45+67"
    form = "application/x-www-form-urlencoded"
    assert any(find_personal_data(reading) for reading in iter_decoded(body, form))
    assert not any(find_personal_data(reading) for reading in iter_decoded(body, "text/plain"))


def test_a_plain_text_has_one_reading() -> None:
    assert list(iter_decoded(b'{"total": "12.50"}', "application/json")) == ['{"total": "12.50"}']


@given(st.binary(), st.text(max_size=40))
def test_no_bytes_and_no_content_type_break_the_readings(raw: bytes, content_type: str) -> None:
    assert list(iter_decoded(raw, content_type))
    for header in ("application/json; charset=no-such", "text/plain; charset=undefined", "text/plain; charset=idna"):
        assert list(iter_decoded(raw, header))
