# ruff: noqa: PLR2004  the figures are the formats themselves
"""Masks: the part of a value that a policy may show where the full value is not allowed.

A mask never fails and never grows with the value. What does not look like a value of its class is hidden
whole: a mask that guesses would show what it was meant to hide.
"""

from collections.abc import Callable
from typing import Final

HIDDEN = "***"
_MAX_WORDS = 4


def phone(value: str) -> str:
    """`+7 *** ***-45-67`: country and the last four digits; abroad only the last two."""
    digits = "".join(char for char in value if char in "0123456789")
    if len(digits) == 10 and digits[0] == "9":
        digits = "7" + digits
    if len(digits) == 11 and digits[0] in "78":
        return f"+7 *** ***-{digits[7:9]}-{digits[9:]}"
    return f"+*** ***-**-{digits[-2:]}" if len(digits) > 8 else HIDDEN


def email(value: str) -> str:
    """`и***@example.ru`: the first letter and the domain."""
    local, at, domain = value.strip().rpartition("@")
    return f"{local[0]}{HIDDEN}@{domain.lower()}" if at and local and "." in domain else HIDDEN


def name(value: str) -> str:
    """`С*** А*** П***`: the first letters, of at most four words."""
    words = [word for word in value.split()[:_MAX_WORDS] if word[0].isalpha()]
    return " ".join(word[0].upper() + HIDDEN for word in words) or HIDDEN


def address(value: str) -> str:
    """`Т***, ***`: the first letter of the place."""
    first = next((char for char in value if char.isalpha()), None)
    return f"{first.upper()}{HIDDEN}, {HIDDEN}" if first else HIDDEN


def birth_date(value: str) -> str:
    """`**.**.1990`: the year."""
    text = value.strip()
    years = [year for year in (text[:4], text[-4:]) if len(text) == 10 and year.isascii() and year.isdigit()]
    return f"**.**.{years[0]}" if years else HIDDEN


def passport(value: str) -> str:
    """`** ** ***456`: the last three characters."""
    bare = "".join(char for char in value if char.isalnum())
    return f"** ** ***{bare[-3:]}" if len(bare) >= 6 else HIDDEN


def inn(value: str) -> str:
    """`********1234`: the last four digits."""
    digits = "".join(char for char in value if char in "0123456789")
    return f"********{digits[-4:]}" if len(digits) >= 10 else HIDDEN


def snils(value: str) -> str:
    """`***-***-*12 **`: the last two digits before the check."""
    digits = "".join(char for char in value if char in "0123456789")
    return f"***-***-*{digits[7:9]} **" if len(digits) == 11 else HIDDEN


def card(value: str) -> str:
    """`**** **** **** 1234`: the last four digits."""
    digits = "".join(char for char in value if char in "0123456789")
    return f"**** **** **** {digits[-4:]}" if len(digits) >= 13 else HIDDEN


def ogrnip(value: str) -> str:
    """`***********1234`: the last four digits."""
    digits = "".join(char for char in value if char in "0123456789")
    return f"***********{digits[-4:]}" if len(digits) >= 13 else HIDDEN


def car_plate(value: str) -> str:
    """`*1**** 77`: the region, and the first digit of the number."""
    bare = "".join(char for char in value if char.isalnum())
    return f"*{bare[1]}**** {bare[6:]}" if len(bare) in (8, 9) and bare[1:4].isdigit() else HIDDEN


def handle(value: str) -> str:
    """`@i***`: the first character."""
    bare = value.strip().removeprefix("@")
    return f"@{bare[0]}{HIDDEN}" if len(bare) > 1 else HIDDEN


def ip(value: str) -> str:
    """`192.*.*.*`: the first number of an IPv4 address; an IPv6 address is hidden."""
    numbers = value.strip().split(".")
    return f"{numbers[0]}.*.*.*" if len(numbers) == 4 and numbers[0].isdigit() else HIDDEN


def hidden(_value: str) -> str:
    """`***`: nothing at all."""
    return HIDDEN


MASKS: Final[dict[str, Callable[[str], str]]] = {
    function.__name__: function
    for function in (
        phone, email, name, address, birth_date, passport, inn, snils, ogrnip, card, car_plate, handle, ip, hidden
    )
}  # fmt: skip
