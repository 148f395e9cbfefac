"""Shaped tokens: stand-ins that look like a value to an outside system, and can never be one.

    phone  +7 2XX XXX-XX-XX        no code of the Russian or Kazakh plan begins with 2 (ITU-T E.164 assignments of +7)
    email  <26 characters>@larets.invalid     the domain .invalid is never delegated (RFC 2606)
    inn    00XXXXXXXXXX, check digits right   the first two digits are a region, and there is no region 00
    card   00XXXXXXXXXXXXXX, check digit right   no payment network issues under 0 (ISO/IEC 7812-1: industry digit 0)

`is_shaped` is public: whoever holds such a text can tell it from every value that can be issued, without asking. The
normalisers refuse what it accepts, so a shaped token never enters the vault as somebody's value. A shape holds far
fewer bits than a token (see CAPACITY), so it is drawn at random, stored, and unique by the database.
"""

import os
import re
from collections.abc import Callable
from typing import Final

from pii_vault.core.checksums import inn_is_valid, luhn_is_valid
from pii_vault.core.tokens import ALPHABET

DOMAIN: Final = "larets.invalid"
CAPACITY: Final = {"phone": 10**9, "email": 2**128, "inn": 10**8, "card": 10**13}
SHAPED_CLASSES: Final = frozenset(CAPACITY)

_STARTS: Final = {"phone": "+72", "email": "", "inn": "00", "card": "0"}
_SEPARATORS = str.maketrans("", "", " \u00a0\u202f\t-\u2010\u2011\u2012\u2013\u2014()./\\")
_PHONE = re.compile(r"(?:\+7|8|7)2[0-9]{9}")
_EMAIL = re.compile(r"[^@\s]+@(?:[^@\s]+\.)?invalid\.?")
_INN = re.compile(r"00[0-9]{10}|00[0-9]{8}")
_CARD = re.compile(r"0[0-9]{12,18}")
_INN_11 = (7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
_INN_12 = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)


def is_shaped(class_id: str, text: str) -> bool:
    """Whether a text is of the range that shaped tokens of this class are drawn from, and so no issued value.

    For `email` the whole reserved top-level domain counts, for the numbers the whole range without an issuer.
    """
    if class_id == "email":
        return _EMAIL.fullmatch(text.strip().lower()) is not None
    digits = text.translate(_SEPARATORS)
    if not digits.isascii():
        return False
    match class_id:
        case "phone":
            return _PHONE.fullmatch(digits) is not None
        case "inn":
            return _INN.fullmatch(digits) is not None and inn_is_valid(digits)
        case "card":
            return _CARD.fullmatch(digits) is not None and luhn_is_valid(digits)
        case _:
            return False


def is_shaped_normal(class_id: str, normal: str) -> bool:
    """`is_shaped` of a value in its normal form, as every value stored is asked: for most one look at its beginning."""
    start = _STARTS.get(class_id)
    if start is None:
        return False
    begins = normal.startswith(start) if start else normal.endswith("invalid")
    return begins and is_shaped(class_id, normal)


def new_shape(class_id: str) -> str:
    """A random shaped token of a class of SHAPED_CLASSES, in the form that `canonical_shape` gives."""
    return _NEW[class_id]()


def canonical_shape(class_id: str, text: str) -> str | None:
    """The one spelling of a shaped token, however an outside system wrote it; None when it is none."""
    if not is_shaped(class_id, text):
        return None
    if class_id == "email":
        return text.strip().lower().rstrip(".")
    digits = text.translate(_SEPARATORS)
    return f"+7{digits[-10:]}" if class_id == "phone" else digits


def _digits(count: int) -> str:
    return f"{int.from_bytes(os.urandom(16)) % 10**count:0{count}d}"


def _email() -> str:
    number = int.from_bytes(os.urandom(17)) >> 6
    return "".join(ALPHABET[number >> shift & 31] for shift in range(0, 130, 5)) + f"@{DOMAIN}"


def _inn() -> str:
    head = "00" + _digits(8)
    for weights in (_INN_11, _INN_12):
        head += str(sum(int(digit) * weight for digit, weight in zip(head, weights, strict=True)) % 11 % 10)
    return head


def _card() -> str:
    head = "00" + _digits(13)
    return next(head + check for check in "0123456789" if luhn_is_valid(head + check))


_NEW: Final[dict[str, Callable[[], str]]] = {
    "phone": lambda: f"+72{_digits(9)}",
    "email": _email,
    "inn": _inn,
    "card": _card,
}
