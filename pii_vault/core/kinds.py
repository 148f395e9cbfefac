# ruff: noqa: PLR2004  the figures are the formats themselves
"""What a sender may put into an approved text: a value of the kind that the template declares for its place.

Names and addresses have no form by which detect.py could find them; what they are is words. So no kind takes a word but
`choice`, whose words were approved with the template. Phones, passports, ИНН, СНИЛС and cards are digits, ten of them
or more, so no kind takes so many but the two kinds of codes, and those take them only where no such number can be:

    number, money               nine digits at most
    date                        of 2020 or later, so that nobody grown up was born on it; or without a year
    order_number                up to nine digits; ten or eleven after 00; thirteen to fifteen, in runs no phone has
    tracking_code               five to nine digits; ten after 1, in one run; thirteen to fifteen, likewise
    link                        a beginning that was approved with the template, and a code of the two kinds or in
                                hexadecimal after it: no host, path or word of the sender's own

A code has capitals or small letters, no more of them than digits, and no four of them in a row. What it may still hold
is said in docs/adr/0048. Pure, and asked on both sides: by the public contour before it keeps a value, by the vault
before it takes it.
"""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Final, Literal, Protocol, get_args

from pii_vault.core.checksums import ogrn_is_valid, snils_is_valid
from pii_vault.core.detect import find_personal_data
from pii_vault.core.normal_documents import car_plate

Kind = Literal["number", "money", "date", "time", "order_number", "tracking_code", "link", "choice"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
NAME: Final = re.compile(r"[a-z_]{1,40}")  # of a parameter
LONGEST: Final = 200
FIRST_YEAR: Final = 2020
EXPECTED: Final[Mapping[str, str]] = {
    "number": "a number of up to nine digits",
    "money": "an amount below ten million, such as 1 250,50 or 990 руб",
    "date": f"a date of {FIRST_YEAR} or later as 29.11.2026, 29.11 or 2026-11-29",
    "time": "a time as 18:00",
    "order_number": "an order's number: digits, at most three letters in a row, - and /",
    "tracking_code": "a parcel's code: five digits or more, Latin letters and -",
    "link": "an approved beginning and a code after it",
    "choice": "one of the approved words, letter for letter",
}


class Declared(Protocol):
    """A parameter as an approved template declares it. `words`: of a choice. `starts`: of a link."""

    @property
    def kind(self) -> str: ...
    @property
    def words(self) -> Collection[str]: ...
    @property
    def starts(self) -> Collection[str]: ...


def fits(value: str, declared: Declared) -> bool:
    """Whether it may stand in clear where no person may, in the place of this parameter."""
    if len(value) > LONGEST:
        return False
    if declared.kind == "choice":
        return value in declared.words
    if declared.kind == "link":
        return any(value.startswith(start) and _ends_a_link(value[len(start) :]) for start in declared.starts)
    form = _FORMS.get(declared.kind)
    return form is not None and form(value) and not find_personal_data(value)


def find_misfits(given: Mapping[str, str], declared: Mapping[str, Declared]) -> dict[str, str]:
    """What is missing, undeclared, or of another kind than declared: name → what is expected there. No value is in it,
    nor a name of the sender's own that no template could have: such ones stand under the empty name.
    """
    found = {}
    for name in sorted({*given, *declared}):
        if name not in declared:
            found[name if NAME.fullmatch(name) else ""] = "the template declares none of this name"
        elif name not in given or not fits(given[name], declared[name]):
            missing = "" if name in given else "it is missing; "
            found[name] = f"{missing}expected is {EXPECTED.get(declared[name].kind, 'a kind of a newer version')}"
    return found


_NUMBER = re.compile(r"-?[0-9]{1,9}(?:[.,][0-9]{1,4})?")
_MONEY = re.compile(
    r"(?:[0-9]{1,7}|[0-9]{1,3}[ \u00a0\u202f][0-9]{3}|[0-9](?:[ \u00a0\u202f][0-9]{3}){2})(?:[.,][0-9]{2})?"
    r"(?:[ \u00a0\u202f]?(?:₽|руб\.?|р\.))?"
)
_DATE = re.compile(r"(?P<day>[0-9]{2})\.(?P<month>[0-9]{2})(?:\.(?P<year>[0-9]{4}))?")
_ISO = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})")
_TIME = re.compile(r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9]")
_SIGN = re.compile(r"(?:№[ \u00a0]?|#)")
_ORDER = re.compile(r"[0-9A-Za-zА-Яа-яЁё]+(?:[-/][0-9A-Za-zА-Яа-яЁё]+)*")
_TRACK = re.compile(r"[0-9A-Za-z]+(?:-[0-9A-Za-z]+)*")
_FOUR_LETTERS = re.compile(r"[^\W\d_]{4}")
_CDEK = re.compile(r"1[0-9]{9}")
_DIALLED = re.compile(r"00|810")  # what stands before a number that is called abroad
_BIRTH = re.compile(r"[0-9]{1,2}[-/][0-9]{1,2}[-/](?:19|20[01])[0-9]{1,2}|(?:19|20[01])[0-9]{1,2}(?:[-/][0-9]{1,2}){2}")
_HEX = re.compile(r"[0-9a-f]{16,64}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_LONG_RUN = re.compile(r"[0-9]{10,}")
# A phone, a passport or ИНН with something after it, as in 4510123456-001 and 4510-123456-001.
_PERSONAL_RUN = re.compile(r"(?<![0-9])(?:[1-9][0-9]{9}|[0-9]{11,12}|[0-9]{2}[-/]?[0-9]{2}[-/][0-9]{6})(?![0-9])")


def _is_number(value: str) -> bool:
    return _NUMBER.fullmatch(value) is not None and len(_digits(value)) <= 9


def _is_money(value: str) -> bool:
    return _MONEY.fullmatch(value) is not None


def _is_date(value: str) -> bool:
    found = _DATE.fullmatch(value) or _ISO.fullmatch(value)
    if found is None:
        return False
    year = int(found["year"] or 2024)  # without a year the 29th of February is a day
    try:
        return date(year, int(found["month"]), int(found["day"])).year >= FIRST_YEAR
    except ValueError:
        return False


def _is_time(value: str) -> bool:
    return _TIME.fullmatch(value) is not None


def _is_order_number(value: str) -> bool:
    code = _SIGN.sub("", value, count=1) if _SIGN.match(value) else value
    if not _ORDER.fullmatch(code) or not _is_code(code, longest=24):
        return False
    digits = _digits(code)
    if len(digits) in (10, 11):
        return digits.startswith("00") and not snils_is_valid(digits)
    return len(digits) <= 9 or _is_long_code(code)


def _is_tracking_code(value: str) -> bool:
    if not _TRACK.fullmatch(value) or not _is_code(value, longest=30):
        return False
    digits = _digits(value)
    return 5 <= len(digits) <= 9 or _is_long_code(value) or _CDEK.fullmatch(value) is not None


def _is_code(code: str, *, longest: int) -> bool:
    """Digits with some letters, and neither a day of birth nor a car's plate."""
    digits, letters = len(_digits(code)), sum(char.isalpha() for char in code)
    plate = car_plate(code) or ""
    return (
        len(code) <= longest
        and 1 <= digits >= letters
        and code in (code.upper(), code.lower())  # a name begins with a capital and goes on without
        and not _FOUR_LETTERS.search(code)
        and not _BIRTH.fullmatch(code)
        and not plate[1:2].isdigit()  # of a taxi or trailer the plate is nobody's, and looks like a code
    )


def _is_long_code(code: str) -> bool:
    """Longer than any national number of a phone or person, shorter than a card."""
    digits = _digits(code)
    dialled = _DIALLED.match(digits) and not any(map(str.isalpha, code))
    return 13 <= len(digits) <= 15 and not dialled and not _PERSONAL_RUN.search(code) and not ogrn_is_valid(digits)


def _ends_a_link(end: str) -> bool:
    plain = end.isascii() and "/" not in end and not _SIGN.match(end)
    return plain and (_is_order_number(end) or _is_tracking_code(end) or _is_hex(end)) and not find_personal_data(end)


def _is_hex(text: str) -> bool:
    """A random id: of digits alone it is none, nor with a phone in it."""
    return (
        _HEX.fullmatch(text) is not None
        and len(_digits(text)) < len(text.replace("-", ""))
        and not any(find_personal_data(run) for run in _LONG_RUN.findall(text))
    )


def _digits(text: str) -> str:
    return "".join(char for char in text if char in "0123456789")


_FORMS: Final[Mapping[str, Callable[[str], bool]]] = {
    "number": _is_number,
    "money": _is_money,
    "date": _is_date,
    "time": _is_time,
    "order_number": _is_order_number,
    "tracking_code": _is_tracking_code,
}
