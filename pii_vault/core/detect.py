"""Finds personal data standing in clear in a text: what the public edge guard and the gateway look for.

Found are phones, emails, ИНН, СНИЛС and payment cards, by form and check digits. Names and addresses have no
form and are not found here; they are kept out by what fields exist. A finding holds no value, only its place.
Numbers and domains that nobody can be issued (pii_vault/core/shapes.py) are no findings.

Time is linear in the length of the text: every repetition in the patterns is bounded and separators and
digits never overlap, so no attempt looks further than one number, and each place starts at most one.
The module needs nothing but the standard library and the check digits.
"""
# ruff: noqa: PLR2004  the figures are the formats themselves

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pii_vault.core.checksums import inn_is_valid, luhn_is_valid, snils_is_valid
from pii_vault.core.decoded import iter_decoded

__all__ = ["Finding", "find_personal_data", "iter_decoded"]

_BLANK: Final = " \u00a0\u202f\t\\-\u2010\u2011\u2012\u2013\u2014"
_ANY: Final = _BLANK + ".()"
_GAP: Final = f"[{_ANY}]{{1,3}}"  # as in "8 (916) 123" or "123 - 45"
_NARROW_GAP: Final = f"[{_BLANK}]{{1,3}}"  # without the full stop, which stands in sums of money

# How people group the ten digits after +7 or 8, those of a bare mobile number, and those of a card.
_NATIONAL: Final = (
    (10,), (3, 7), (3, 3, 4), (3, 3, 2, 2), (3, 2, 2, 3), (3, 2, 3, 2), (3, 4, 3), (3, 5, 2), (4, 6), (4, 2, 4),
    (4, 2, 2, 2), (4, 3, 3), (5, 5), (5, 1, 2, 2), (5, 2, 3), (5, 3, 2), (6, 4), (6, 2, 2),
)  # fmt: skip
_BARE: Final = ((3, 7), (3, 3, 4), (3, 3, 2, 2), (3, 2, 2, 3), (3, 2, 3, 2))
_CARD: Final = ((4, 4, 4, 4, 3), (4, 4, 4, 4, 2), (4, 4, 4, 4, 1), (4, 4, 4, 4), (8, 8), (6, 12), (6, 10))


def _shapes(shapes: Iterable[tuple[int, ...]], gap: str) -> str:
    return "|".join(gap.join(f"[0-9]{{{size}}}" for size in shape) + "(?![0-9])" for shape in shapes)


# A number glued to a Latin letter or to a digit is part of some code or digest, so it counts only between
# other characters. A Cyrillic letter does not glue: "тел89161234567".
_NUMBER = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    rf"\+(?P<foreign>[1-9](?:[{_ANY}]{{0,3}}[0-9]){{9,14}})"
    rf"|(?P<solid>[0-9]{{10,12}}|[0-9]{{16,19}})(?![0-9])"
    rf"|(?P<phone>7[{_ANY}]{{0,3}}(?=[346789])(?:{_shapes(_NATIONAL, _GAP)})"
    rf"|8[{_ANY}]{{0,3}}(?=[3489])(?:{_shapes(_NATIONAL, _GAP)})"
    rf"|[78][{_BLANK}]{{0,2}}\([{_BLANK}]?[346789][0-9]{{2,4}}(?:[{_ANY}]{{0,3}}[0-9]){{5,7}})"
    rf"|(?P<bare>(?=9)(?:{_shapes(_BARE, _GAP)}))"
    rf"|(?P<snils>{_shapes([(3, 3, 3, 2)], _NARROW_GAP)})"
    rf"|(?P<card>{_shapes(_CARD, _NARROW_GAP)})"
    r")(?![0-9A-Za-z])"
)
_GROUP = re.compile("[0-9]+")
# A digit, nine or more digits and separators: all that has ten digits in it. Found at the speed of a scan.
_RUN = re.compile(f"[0-9][0-9{_ANY}]{{8,}}[0-9]")
# Our own tokens and ids, and UUIDs: random, so digits in them may look like anything.
_OPAQUE = re.compile(
    r"(?<![0-9A-Za-z_])(?:tok(?:_[a-z]{1,20}){1,4}|[a-z]{3})_[0-9a-hjkmnp-tv-z]{26,28}(?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Za-z])"
)
_INN_WORD = re.compile(r"инн|inn", re.IGNORECASE)
_STAMP = re.compile(r"20[0-4][0-9](?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[01][0-9]|2[0-3])[0-5][0-9]")

_AT = re.compile(r"@(?=[^\W_])")
_MAX_LOCAL = 64
_LOCAL_CHARS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~.")
_DOMAIN = re.compile(r"[^\W_](?:[\w-]{0,62})(?:\.[\w-]{1,63}){1,8}")
_IMAGE_AT_SCALE = re.compile(r"[0-9]x\.(?:png|jpe?g|webp|gif|avif|svg)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """text[start:end] looks like a value of this class."""

    class_id: str
    start: int
    end: int


def find_personal_data(text: str) -> list[Finding]:
    """All findings, in no particular order; empty when nothing was found."""
    found = list(_emails(text)) if "@" in text else []
    if _RUN.search(text) is not None and next(_numbers(text), None) is not None:
        found.extend(_numbers(_OPAQUE.sub(lambda match: "x" * len(match[0]), text)))
    return found


def _numbers(text: str) -> Iterator[Finding]:
    for run in _RUN.finditer(text):
        start = run.start()
        at = start - 1 if text[start - 1 : start] == "+" else start
        until = run.end() + 1  # one more, so that the pattern sees what the last digit is glued to
        while (match := _NUMBER.search(text, at, until)) is not None:
            class_id = _class_of(match)
            if class_id is not None:
                yield Finding(class_id, match.start(), match.end())
                at = match.end()
            elif (group := _GROUP.search(text, match.start())) is not None:
                at = group.end()  # the next number may begin with the second group of this one


def _class_of(match: re.Match[str]) -> str | None:
    groups = _GROUP.findall(match[0])
    digits = "".join(groups)
    match match.lastgroup:
        case "solid":
            return _solid(match.string, match.start(), digits)
        case "foreign":
            return "phone" if _is_foreign_phone(digits, groups) else None
        case "phone":
            return "phone" if len(digits) == 11 else None
        case "bare":
            return "phone"
        case "snils":
            return "snils" if snils_is_valid(digits) else None
        case _:
            return "card" if _is_card(digits) else None


def _solid(text: str, start: int, digits: str) -> str | None:
    size = len(digits)
    if size == 10:
        return None if _is_amount(text, start, start + size) else _ten(text, start, digits)
    if size == 11:
        if digits[0] in "78" and digits[1] in ("3489" if digits[0] == "8" else "346789"):
            return "phone"
        return "snils" if snils_is_valid(digits) else None
    if size == 12 and digits[:2] != "00" and inn_is_valid(digits):
        return None if _STAMP.fullmatch(digits) and not _says_inn(text, start) else "inn"
    return "card" if _is_card(digits) else None


def _ten(text: str, start: int, digits: str) -> str | None:
    if digits[0] == "9":
        return "phone"
    # Unix times and parcel numbers begin with 1: there the word has to stand before the number.
    if digits[:2] != "00" and inn_is_valid(digits) and (digits[0] != "1" or _says_inn(text, start)):
        return "inn"
    return None


def _is_foreign_phone(digits: str, groups: list[str]) -> bool:
    if digits[0] == "7":
        return len(digits) == 11 and digits[1] != "2"  # no code of the plan begins with 2: core/shapes.py
    # "+1 000 000 000" is a sum of money, "+375 29 123-45-67" is not.
    return len(groups) == 1 or {len(group) for group in groups[1:]} != {3}


def _is_card(digits: str) -> bool:
    """A length and a prefix that a payment network issues, and the right check digit."""
    size = len(digits)
    if not 16 <= size <= 19:
        return False
    four = int(digits[:4])
    known = (
        2200 <= four <= 2204  # Мир
        or (digits[0] == "4" and size in (16, 19))  # Visa
        or (size == 16 and (5100 <= four <= 5599 or 2221 <= four <= 2720))  # Mastercard
        or digits[:2] == "62"  # UnionPay
        or 3528 <= four <= 3589  # JCB
        or four in (5018, 5020, 5038, 5893, 6304, 6390, 6759, 6761, 6762, 6763)  # Maestro
    )
    return known and luhn_is_valid(digits)


def _is_amount(text: str, start: int, end: int) -> bool:
    """Whether a fraction stands beside the digits, as in 9161234567.00."""
    after, before = text[end : end + 2], text[max(0, start - 2) : start]
    return (after[:1] in (".", ",") and after[1:].isdigit()) or (before[1:] in (".", ",") and before[:1].isdigit())


def _says_inn(text: str, start: int) -> bool:
    return _INN_WORD.search(text, max(0, start - 16), start) is not None


def _emails(text: str) -> Iterator[Finding]:
    for at in _AT.finditer(text):
        end = at.start()
        start = end
        while start > 0 and end - start < _MAX_LOCAL and _is_local(text[start - 1]):
            start -= 1
        if not any(char.isalnum() for char in text[start:end]):
            continue
        domain = _DOMAIN.match(text, at.end())
        if domain is not None and _is_mail_domain(domain[0]):
            yield Finding("email", start, domain.end())


def _is_local(char: str) -> bool:
    return char in _LOCAL_CHARS or (not char.isascii() and char.isalpha())


def _is_mail_domain(domain: str) -> bool:
    top = domain.rstrip("-.").rpartition(".")[2]
    real = top.startswith("xn--") or (len(top) > 1 and top.isalpha() and top.lower() != "invalid")  # RFC 2606
    return real and _IMAGE_AT_SCALE.fullmatch(domain) is None
