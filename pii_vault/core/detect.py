"""Finds personal data standing in clear in a text: what the public edge guard and the gateway look for.

Found are phones, emails, ИНН, СНИЛС and payment cards, by form and check digits. Names and addresses have no
form and are not found here; they are kept out by what fields exist. A finding holds no value, only its place.

Time is linear in the length of the text: two character-class scans, then a bounded look around each hit.
The module needs nothing but the standard library and the check digits.
"""
# ruff: noqa: PLR2004  the figures are the formats themselves

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pii_vault.core.checksums import inn_is_valid, luhn_is_valid, snils_is_valid
from pii_vault.core.decoded import iter_decoded

__all__ = ["Finding", "find_personal_data", "iter_decoded"]

_SEPARATORS: Final = " \u00a0\u202f\t().\\-\u2010\u2011\u2012\u2013\u2014"
_MAX_GAP = 3  # as in "8 (916) 123" or "123 - 45"
_MAX_GROUPS = 6
_MAX_DIGITS = 19

# A digit, then at least nine more digits or separators: the shortest thing with ten digits in it.
_RUN = re.compile(f"[0-9][0-9{_SEPARATORS}]{{8,}}[0-9]")
_GROUP = re.compile("[0-9]+")
# Our own tokens and ids, and UUIDs: random, so digits in them may look like anything. One try per word.
_OPAQUE = re.compile(
    r"(?<![0-9A-Za-z_])(?:tok(?:_[a-z]{1,20}){1,4}|[a-z]{3})_[0-9a-hjkmnp-tv-z]{26,28}(?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Za-z])"
)
_INN_WORD = re.compile(r"инн|inn", re.IGNORECASE)
_STAMP = re.compile(r"20[0-4]\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])[0-5]\d")

# How people group the ten digits after +7 or 8, and those of a bare mobile number.
_NATIONAL = frozenset(
    ((10,), (3, 7), (3, 3, 4), (3, 3, 2, 2), (3, 2, 2, 3), (3, 2, 3, 2), (3, 4, 3), (3, 5, 2), (4, 6), (4, 2, 4),
     (4, 2, 2, 2), (4, 3, 3), (5, 5), (5, 1, 2, 2), (5, 2, 3), (5, 3, 2), (6, 4), (6, 2, 2))
)  # fmt: skip
_BARE = frozenset(((3, 7), (3, 3, 4), (3, 3, 2, 2), (3, 2, 2, 3), (3, 2, 3, 2)))
_CARD_GROUPS = frozenset(((4, 4, 4, 4), (4, 4, 4, 4, 1), (4, 4, 4, 4, 2), (4, 4, 4, 4, 3), (8, 8), (6, 10), (6, 12)))

_LOCAL_CHARS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~.")
_DOMAIN = re.compile(r"[^\W_](?:[\w-]{0,62})(?:\.[\w-]{1,63}){1,8}")
_IMAGE_AT_SCALE = re.compile(r"\dx\.(?:png|jpe?g|webp|gif|avif|svg)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """text[start:end] looks like a value of this class."""

    class_id: str
    start: int
    end: int


def find_personal_data(text: str) -> list[Finding]:
    """All findings, in no particular order; empty when nothing was found."""
    found = list(_emails(text)) if "@" in text else []
    if _RUN.search(text) is not None:
        shadowed = _OPAQUE.sub(lambda match: "x" * len(match[0]), text)
        for run in _RUN.finditer(shadowed):
            found.extend(_numbers(shadowed, run.start(), run.end()))
    return found


def _numbers(text: str, start: int, end: int) -> Iterator[Finding]:
    """Findings among the digit groups of one run. Each group starts at most six tries."""
    groups = [match.span() for match in _GROUP.finditer(text, start, end)]
    # A number glued to a Latin letter or an underscore's word is part of some code or digest.
    first = 1 if _glued(text, start - 1) else 0
    last = len(groups) - 1 if _glued(text, end) else len(groups)
    at = first
    while at < last:
        hit = _match(text, groups[at : min(last, at + _MAX_GROUPS)])
        if hit is None:
            at += 1
            continue
        class_id, width = hit
        begins = groups[at][0]
        yield Finding(class_id, begins - (text[begins - 1 : begins] == "+"), groups[at + width - 1][1])
        at += width


def _match(text: str, groups: list[tuple[int, int]]) -> tuple[str, int] | None:
    """The class of the number that begins with the first group, and of how many groups it consists."""
    begins = groups[0][0]
    plus = text[begins - 1 : begins] == "+" and not _glued(text, begins - 2)
    digits, gaps = "", ""
    sizes: list[int] = []
    hit = None
    for width, (start, end) in enumerate(groups, start=1):
        if width > 1:
            gap = text[groups[width - 2][1] : start]
            if len(gap) > _MAX_GAP:
                break
            gaps += gap
        if end - start > _MAX_DIGITS - len(digits):
            break
        digits += text[start:end]
        sizes.append(end - start)
        if len(digits) < 10:
            continue
        class_id = _solid(text, start, end, plus=plus) if width == 1 else _grouped(digits, sizes, gaps, plus=plus)
        if class_id is not None:
            hit = class_id, width
            if not plus or digits[0] == "7":
                break  # else a number of another country may go on: the longest reading counts
    return hit


def _solid(text: str, start: int, end: int, *, plus: bool) -> str | None:
    digits = text[start:end]
    size = len(digits)
    if plus and 10 <= size <= 15 and digits[0] != "0":
        return "phone"
    if size == 10:
        return None if _is_amount(text, start, end) else _ten(text, start, digits)
    if size == 11:
        if _is_phone_11(digits):
            return "phone"
        return "snils" if snils_is_valid(digits) else None
    if size == 12 and inn_is_valid(digits):
        return None if _STAMP.fullmatch(digits) and not _says_inn(text, start) else "inn"
    return "card" if _is_card(digits) else None


def _ten(text: str, start: int, digits: str) -> str | None:
    if digits[0] == "9":
        return "phone"
    # Unix times and parcel numbers begin with 1: there the word has to stand before the number.
    if inn_is_valid(digits) and (digits[0] != "1" or _says_inn(text, start)):
        return "inn"
    return None


def _grouped(digits: str, sizes: list[int], gaps: str, *, plus: bool) -> str | None:
    size = len(digits)
    shape = tuple(sizes)
    if plus:
        if digits[0] == "7":
            return "phone" if size == 11 else None
        # "+1 000 000 000" is a sum of money, "+375 29 123-45-67" is not.
        return "phone" if size <= 15 and digits[0] != "0" and set(shape[1:]) != {3} else None
    if size == 11 and _is_phone_11(digits):
        national = shape[1:] if shape[0] == 1 else (shape[0] - 1, *shape[1:])
        if national in _NATIONAL or "(" in gaps:
            return "phone"
    if size == 10 and digits[0] == "9" and shape in _BARE:
        return "phone"
    if shape == (3, 3, 3, 2) and "." not in gaps and snils_is_valid(digits):
        return "snils"
    return "card" if shape in _CARD_GROUPS and "." not in gaps and _is_card(digits) else None


def _is_phone_11(digits: str) -> bool:
    return digits[1] in ("3489" if digits[0] == "8" else "346789") and digits[0] in "78"


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
        or four in (5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763)  # Maestro
    )
    return known and luhn_is_valid(digits)


def _is_amount(text: str, start: int, end: int) -> bool:
    """Whether a fraction stands beside the digits, as in 9161234567.00."""
    after, before = text[end : end + 2], text[max(0, start - 2) : start]
    return (after[:1] in (".", ",") and after[1:].isdigit()) or (before[1:] in (".", ",") and before[:1].isdigit())


def _says_inn(text: str, start: int) -> bool:
    return _INN_WORD.search(text, max(0, start - 16), start) is not None


def _glued(text: str, at: int) -> bool:
    """Whether a Latin letter or a digit stands at this place. Cyrillic does not count: "тел89161234567"."""
    return 0 <= at < len(text) and text[at].isascii() and text[at].isalnum()


def _emails(text: str) -> Iterator[Finding]:
    at = text.find("@")
    while at != -1:
        start = at
        while start > 0 and at - start < 64 and (text[start - 1] in _LOCAL_CHARS or _is_letter(text[start - 1])):
            start -= 1
        local = text[start:at].strip(".-/=?&'*{|}`^~!#$%")
        domain = _DOMAIN.match(text, at + 1) if local else None
        if domain is not None and _is_mail_domain(domain[0]):
            yield Finding("email", start, domain.end())
        at = text.find("@", at + 1)


def _is_letter(char: str) -> bool:
    return not char.isascii() and char.isalpha()


def _is_mail_domain(domain: str) -> bool:
    top = domain.rstrip("-.").rpartition(".")[2]
    real = top.startswith("xn--") or (len(top) > 1 and top.isalpha())
    return real and _IMAGE_AT_SCALE.fullmatch(domain) is None
