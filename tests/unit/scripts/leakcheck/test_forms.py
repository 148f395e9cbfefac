"""Each form that software gives a value is among those looked for."""

import base64
import hashlib
import html
import json
import quopri
from collections.abc import Callable
from email.header import Header
from urllib.parse import quote, quote_plus, urlencode

import pytest

from scripts.leakcheck.forms import forms_of

PHONE = "+79161234567"
NAME = "Щукинзянова Пелагея"
EMAIL = "canary-7f3a@example.ru"


def found_in(value: str, haystack: bytes) -> set[str]:
    return {name for raw, name in forms_of(value).items() if raw in haystack}


@pytest.mark.parametrize("value", [PHONE, NAME, EMAIL])
@pytest.mark.parametrize(
    ("form", "encode"),
    [
        ("plain", lambda text: f"x {text} y".encode()),
        ("plain", lambda text: text.upper().encode()),
        ("plain", lambda text: text.lower().encode()),
        ("url-encoded", lambda text: urlencode({"q": text}).encode()),
        ("url-encoded", lambda text: ("/a/" + quote(text, safe="")).encode()),
        ("url-encoded", lambda text: quote_plus(text).lower().encode()),
        ("json", lambda text: json.dumps({"a": text}).encode()),
        ("html", lambda text: html.escape(text).encode()),
        ("html", lambda text: text.encode("ascii", "xmlcharrefreplace")),
        ("quoted-printable", lambda text: quopri.encodestring(text.encode()).replace(b"=\n", b"")),
        ("base64", lambda text: base64.b64encode(text.encode())),
        ("base64", lambda text: base64.b64encode(b"a" + text.encode() + b"tail")),
        ("base64", lambda text: base64.b64encode(b"ab" + text.encode() + b"t")),
        ("base64", lambda text: base64.urlsafe_b64encode(b"abcd" + text.encode())),
        ("hex", lambda text: text.encode().hex().encode()),
        ("md5", lambda text: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().encode()),
        ("sha1", lambda text: hashlib.sha1(text.encode(), usedforsecurity=False).digest()),
        ("sha256", lambda text: base64.b64encode(hashlib.sha256(text.lower().encode()).digest())),
    ],
)
def test_a_value_is_found_in_each_form(value: str, form: str, encode: Callable[[str], bytes]) -> None:
    names = found_in(value, encode(value))
    assert names, form


def test_a_name_is_found_in_cp1251_and_in_a_mail_header() -> None:
    assert "cp1251" in found_in(NAME, b"..." + NAME.encode("cp1251"))
    encoded = Header(NAME, "utf-8", maxlinelen=200).encode().encode()
    assert found_in(NAME, encoded)


@pytest.mark.parametrize(
    "spelled", ["8 (916) 123-45-67", "9161234567", "8-916-123-45-67", "+7 916 123 45 67", "79161234567"]
)
def test_a_phone_is_found_however_it_is_spelled(spelled: str) -> None:
    assert found_in(PHONE, spelled.encode())


@pytest.mark.parametrize(
    "spelled",
    [
        "shhukinzyanova pelageya",
        "SHCHUKINZIANOVA PELAGEIA",
        "Shchukinzianova Pelageia",
        "shchukinzyanova pelageya",
        "schukinzyanova pelageya",
        "schukinzjanova pelageja",
    ],
)
def test_a_name_is_found_transliterated(spelled: str) -> None:
    assert found_in(NAME, spelled.encode())


@pytest.mark.parametrize("value", [PHONE, NAME, EMAIL])
def test_innocent_bytes_hold_none(value: str) -> None:
    innocent = b"order 1234, total 1990.00 RUB, tok_phone_0123456789abcdefghjkmnpqrstv, +7 *** ***-45-67"
    assert found_in(value, innocent) == set()
