"""Kinds of fields that may leave the private contour as they are, and what each accepts.

A kind is a check, not a cleaner: what does not fit it exactly stays inside. Each is narrow enough that no phone,
email, document number or sentence passes for it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from pii_vault.core.detect import find_personal_data
from pii_vault.gateway.port import Dictionary, DictionaryKind


class NotPassed(Exception):
    """The value does not fit its kind and must not leave."""


Check = Callable[[Any, Dictionary], Any]

# Ten digits of a Russian mobile number, let alone eleven, are above it; ids of a shop's database stay below.
MAX_IDENTIFIER: Final = 2**31 - 1
MAX_QUANTITY: Final = Decimal(1_000_000)
MONEY_PLACES: Final = 2
QUANTITY_PLACES: Final = 3
_MONEY = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,8})?", re.ASCII)
_NUMBER = re.compile(r"[A-Za-z0-9-]{1,20}", re.ASCII)
_LETTERS_OF_A_NUMBER = re.compile(r"[A-Za-z]{5,}", re.ASCII)  # a prefix such as WEB- is no name
_LONG_DIGITS = re.compile(r"(?:[0-9]-?){10,}", re.ASCII)  # a phone without its +
_MARK = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z?", re.ASCII)
_FIRST_YEAR: Final = 2000  # shops have no older orders; dates of birth mostly are older


@dataclass(frozen=True, slots=True)
class Pass:
    """Leaves as the check returns it."""

    check: Check


@dataclass(frozen=True, slots=True)
class Personal:
    """Belongs to this field class (or is a part of such a value); leaves as a token only."""

    class_id: str


@dataclass(frozen=True, slots=True)
class Known:
    """Wording of something in the shop's dictionary: the dictionary's own wording leaves instead."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Of no use to the CRM: neither stored nor sent."""


Rule = Pass | Personal | Known | Drop


def as_identifier(value: Any, _: Dictionary) -> str:
    """A number of the shop's own database, as text."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_IDENTIFIER:
        raise NotPassed
    return str(value)


def as_order_number(value: Any, _: Dictionary) -> str:
    """What the buyer is told: plugins let it be any text, so only short codes pass."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _NUMBER.fullmatch(text) or not any(map(str.isdigit, text)):
        raise NotPassed
    if _LETTERS_OF_A_NUMBER.search(text) or _LONG_DIGITS.search(text) or find_personal_data(text):
        raise NotPassed
    return text


def as_money(value: Any, _: Dictionary) -> str:
    """A decimal string with at least two places, below a billion (a phone number is above)."""
    text = str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _MONEY.fullmatch(text):
        raise NotPassed
    amount = Decimal(text)
    return f"{amount:f}" if int(amount.as_tuple().exponent) <= -MONEY_PLACES else f"{amount:.{MONEY_PLACES}f}"


def as_price(value: Any, dictionary: Dictionary) -> str:
    """A computed unit price: the shop sends a binary fraction, the CRM gets kopecks."""
    text = str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value
    try:
        return as_money(str(Decimal(text).quantize(Decimal("0.01"))), dictionary)
    except (InvalidOperation, TypeError, ValueError):
        raise NotPassed from None


def as_quantity(value: Any, _: Dictionary) -> str:
    """A positive amount with at most three decimals."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 < value < MAX_QUANTITY:
        raise NotPassed
    amount = Decimal(value)
    if int(amount.as_tuple().exponent) < -QUANTITY_PLACES:
        raise NotPassed
    return f"{amount:f}"


def as_currency(value: Any, _: Dictionary) -> str:
    """An ISO 4217 code by its form."""
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        raise NotPassed
    return value


def as_moment(value: Any, _: Dictionary) -> str:
    """A moment in UTC of this century, in RFC 3339."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise NotPassed
    try:
        moment = datetime.fromisoformat(value.removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError:
        raise NotPassed from None
    if not _FIRST_YEAR <= moment.year <= datetime.now(UTC).year + 1:
        raise NotPassed
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def as_mark(value: Any, _: Dictionary) -> str:
    """A UTM mark that is a code, not a sentence, and holds no personal datum."""
    if not isinstance(value, str) or not _MARK.fullmatch(value):
        raise NotPassed
    if _LONG_DIGITS.search(value) or find_personal_data(value):
        raise NotPassed
    return value


def one_of(*allowed: str, kind: DictionaryKind) -> Check:
    """A value of this closed list, or a code the shop has put into its dictionary."""
    known = frozenset(allowed)

    def check(value: Any, dictionary: Dictionary) -> str:
        if not isinstance(value, str) or (value not in known and (kind, value) not in dictionary):
            raise NotPassed
        return value

    return check


def code_of(kind: DictionaryKind) -> Check:
    """A code that stands in the shop's dictionary, with the dictionary's own title."""

    def check(value: Any, dictionary: Dictionary) -> dict[str, str]:
        title = dictionary.get((kind, value)) if isinstance(value, str) else None
        if title is None:
            raise NotPassed
        return {"code": value, "title": title}

    return check
