# ruff: noqa: PLR2004  the figures are the formats themselves
"""Numbers of persons: the detectors of the edge guard (pii_vault/core/detect.py), and what words beside a number add.

The guard must never refuse the number of an order, so it takes only what check digits and form prove. A text for
people says what a number is, so here a word may stand in for a check digit, and a word may take a number away.
"""

import re
from collections.abc import Iterator
from typing import Final

from pii_vault.classify.context import (
    CAR,
    CARD,
    INN,
    LOYALTY,
    PASSPORT,
    PHONE,
    SNILS,
    THING,
    before,
    nearest,
)  # fmt: skip
from pii_vault.classify.spans import Span
from pii_vault.classify.spoken import NUMBER, Said, said
from pii_vault.core.detect import find_personal_data
from pii_vault.core.normal_documents import PLATE_LETTERS

_NUMBER_WORD = r"[\s,.:;]*(?:№|N|n|номер\w*|ном\.?|н\.)?[\s.:№-]*"
_PASSPORT: Final = re.compile(
    rf"(?<![\d\w])(?P<series>\d{{2}}[\s-]?\d{{2}}){_NUMBER_WORD}(?P<number>\d{{3}}[\s-]?\d{{3}})(?!\d)", re.IGNORECASE
)
_OF_THING = re.compile(
    r"паспорт\w*\s(?:издели|прибор|качеств|сделк|объект|товара|безопасн|оборудован|котл)(?!.*паспорт)", re.IGNORECASE
)
_LICENCE = re.compile(r"(?<!\w)(?:ву|в/у|вод\.?\s?уд\w*|водительск\w+(?:\sудостов\w*)?|права)\W{0,4}$", re.IGNORECASE)
_AFTER_CODE = re.compile(r"\+\d{1,3}[\s(\-]{0,2}$")  # of a country: what follows is a phone
_FOREIGN_PASSPORT = re.compile(r"(?<!\d)\d{2}\s?№?\s?\d{7}(?!\d)|(?<!\w)[A-Z]{1,2}\s?\d{6,8}(?!\d)")
_GAP = r"[\s\-\u2010-\u2014.]"
_DIGITS = re.compile(rf"(?<![\d\w])\+?\d(?:{_GAP}{{0,3}}[()]?{_GAP}?\d){{4,18}}(?!\d)")
_LOCAL_PHONE = re.compile(r"(?<![\d-])\d{1,3}[\s-]\d{2}[\s-]\d{2}(?!\d)")
_TOWN_PHONE = re.compile(r"(?<![\d\w])\(?[348]\d{2,4}\)?[\s-]{1,3}\d{1,3}[\s-]\d{2}[\s-]\d{2}(?!\d)")
_BRACKETED_PHONE = re.compile(  # its code in brackets, ten digits in all: nothing but a phone is written so
    r"(?<![\w)+])(?:(?:\+?7|8)[\s-]{0,2})?(?:\([3489]\d{2}\)\s?\d{3}[\s-]?\d{2}[\s-]?\d{2}"
    r"|\([348]\d{3}\)\s?\d{2}[\s-]\d{2}[\s-]\d{2}|\([348]\d{4}\)\s?\d[\s-]\d{2}[\s-]\d{2})(?!\d)"
)
# Grouped as only phones are, whatever its code: a person mistypes, and a plan of numbers grows.
_GROUPED_PHONE = re.compile(
    r"(?<![\d\w+.,])(?:\+?7|8)[\s\-_]{0,2}(?:\(\d{3}\)[\s\-_/]{0,2}\d{3}|\d{3}[\s\-_/]\d{3})[\s\-_/]?\d{2}[\s\-_/]?\d{2}(?!\d)"
)
_MOBILE_FIRST = re.compile(r"\+?[78][\s\-]9\d\d[\s\-][\d\s\-]+")
_ONE_BY_ONE = re.compile(r"\+?\d(?:[\s.,-]{1,2}\d){10}")
_LETTER = f"[{PLATE_LETTERS}ABEKMHOPCTYX]"
_REGION = r"(?:[1-9]\d|0[1-9]|[123579]\d{2})"
_PLATE = re.compile(
    rf"(?<![\w])(?P<a>{_LETTER})(?P<gap>[\s-]?)(?P<number>\d{{3}})[\s-]?(?P<b>{_LETTER}{{2}})"
    rf"(?:[\s/|-]{{0,2}}(?P<region>{_REGION})(?:\s?rus)?)?(?!\w)",
    re.IGNORECASE,
)
_SAID_LETTER = r"(?:а|бэ|в|вэ|ве|е|к|ка|м|эм|мэ|н|эн|нэ|о|р|эр|рэ|с|эс|сэ|т|тэ|те|у|х|ха|хэ)"
_SAID_NUMBER = rf"(?:\d{{2,3}}|{NUMBER}(?:\s{NUMBER}){{0,2}})"
_SPOKEN_PLATE = re.compile(
    rf"(?<!\w){_SAID_LETTER}\s{_SAID_NUMBER}\s{_SAID_LETTER}\s{_SAID_LETTER}(?:\s{_SAID_NUMBER})?(?!\w)", re.IGNORECASE
)
_NO_PLATE = frozenset(  # `с 100 км 50`, `к 5 кв 45`: what two such letters in lower case say between numbers
    {"км", "см", "мм", "кв", "ст", "вт", "мс", "вс", "на", "не", "но", "он", "от", "ом", "то", "та", "те", "ту", "ко",
     "со", "во", "мо", "ну", "ум", "ах", "ха", "хм", "ух", "ср", "ос", "тн", "кт", "ам", "рт"}
)  # fmt: skip
_CAR_AFTER = re.compile(r"\W{1,3}(?:рег|rus|лада|киа|газел|шлагбаум|на пропуск)", re.IGNORECASE)
_CARD_GAPS = re.compile(r"(?<!\d)\d{4}(?:[\s-]?\d{4}){3}(?:[\s-]?\d{1,3})?(?!\d)")
_LEADS_TO = re.compile(r"\w*(?:[ \t№#:.\-/]+\w*){0,4}")  # from the word to its number: no comma, no new line
_PHONE_FAMILY = re.compile(r"^(?:[78][3489]\d{9}|9\d{9}|[78]9\d{9})$")


def find_numbers(text: str) -> Iterator[Span]:
    """Spans of documents, cards, plates and phones, the surest first; they may meet."""
    yield from _passports(text)
    for numbers in (_named, _grouped, _proved):
        for span in numbers(text):
            yield _with_bracket(text, span)
    yield from _plates(text)
    yield from _spoken_plates(text)
    yield from _spoken(text)


def _proved(text: str) -> Iterator[Span]:
    for finding in find_personal_data(text):
        if finding.class_id == "email":
            continue
        plain = text[finding.start : finding.end].isdigit()
        if plain and _is_thing(text, finding.start):
            continue
        if finding.class_id == "card" and before(text, finding.start, LOYALTY, 24) is not None:
            continue
        yield Span(finding.start, finding.end, finding.class_id)


def _with_bracket(text: str, span: Span) -> Span:
    """`(916) 123-45-67`: the bracket that opens before the first digit and closes inside is of the number."""
    inside = text[span.start : span.end]
    opened = text[span.start - 1 : span.start] == "(" and ")" in inside and "(" not in inside
    return span._replace(start=span.start - opened)


def _is_thing(text: str, start: int) -> bool:
    """Whether the nearest word that says what the number is says that it is no person's."""
    thing = before(text, start, THING, 28)
    if thing is None or _LEADS_TO.fullmatch(text, start - thing, start) is None:
        return False
    others = (before(text, start, pattern, 28) for pattern in (PHONE, INN, SNILS, CARD, PASSPORT))
    return all(other is None or other > thing for other in others)


def _passports(text: str) -> Iterator[Span]:
    for match in _PASSPORT.finditer(text):
        if _AFTER_CODE.search(text, max(0, match.start() - 8), match.start()) is not None:
            continue
        lead = text[max(0, match.start() - 40) : match.start()]
        if _OF_THING.search(lead) is not None or _LICENCE.search(lead) is not None:
            continue
        told = before(text, match.start(), PASSPORT, 60) is not None
        series = re.compile(r"сери\w*\W{0,3}$", re.IGNORECASE).search(text, max(0, match.start() - 12), match.start())
        year = int(re.sub(r"\D", "", match["series"])[2:])
        spaced = re.fullmatch(r"\d{2}\s?\d{2}\s(?:№\s?|N\s?)?\d{6}|\d{4}\s?№\s?\d{6}", match[0]) is not None
        shaped = spaced and (year <= 30 or year >= 97) and not _is_thing(text, match.start())
        solid = match[0].isdigit()
        if (
            (told and not (solid and _nearer_than_passport(text, match.start())))
            or (series is not None and not solid)
            or (shaped and before(text, match.start(), PHONE, 20) is None)
        ):
            yield Span(match.start(), match.end(), "passport")
    for match in _FOREIGN_PASSPORT.finditer(text):
        if before(text, match.start(), PASSPORT, 40) is not None:
            yield Span(match.start(), match.end(), "passport")


def _nearer_than_passport(text: str, start: int) -> bool:
    """Another word than the passport's stands next to ten digits in one piece."""
    passport = before(text, start, PASSPORT, 60)
    others = (before(text, start, pattern, 30) for pattern in (PHONE, INN, SNILS, THING))
    return any(other is not None and passport is not None and other < passport for other in others)


def _named(text: str) -> Iterator[Span]:
    """Numbers that their own word names, whether or not the check digits are right: people mistype."""
    for match in _DIGITS.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        start, end, size = match.start(), match.end(), len(digits)
        if size in (10, 12) and nearest(text, start, INN, PHONE, 20) and "+" not in match[0]:
            yield Span(start, end, "inn")
        elif size == 11 and nearest(text, start, SNILS, PHONE, 24):
            yield Span(start, end, "snils")
        elif size in (10, 11) and before(text, start, PHONE, 30) is not None:
            whole = size == 11 and digits[0] in "78" and nearest(text, start, PHONE, THING, 24)
            if (whole or _PHONE_FAMILY.match(digits)) and not _is_thing(text, start):
                yield Span(start, end, "phone")
        elif (size == 11 and _PHONE_FAMILY.match(digits) and _spread(match[0])) or (
            10 <= size <= 15 and match[0].startswith("+")
        ):
            yield Span(start, end, "phone")
    for match in _CARD_GAPS.finditer(text):
        start = match.start()
        told = nearest(text, start, CARD, THING, 40) or CARD.search(text, match.end(), match.end() + 12) is not None
        if told and before(text, start, LOYALTY, 40) is None:
            yield Span(start, match.end(), "card")


def _grouped(text: str) -> Iterator[Span]:
    """Phones by how their digits are grouped, and short ones that a word names."""
    for match in _GROUPED_PHONE.finditer(text):
        if not _is_thing(text, match.start()):
            yield Span(match.start(), match.end(), "phone")
    for match in _BRACKETED_PHONE.finditer(text):
        if not _is_thing(text, match.start()):
            yield Span(match.start(), match.end(), "phone")
    for match in _TOWN_PHONE.finditer(text):
        if nearest(text, match.start(), PHONE, THING, 20):
            yield Span(match.start(), match.end(), "phone")
    for match in _LOCAL_PHONE.finditer(text):
        if nearest(text, match.start(), PHONE, THING, 14):
            yield Span(match.start(), match.end(), "phone")


def _spread(written: str) -> bool:
    """Digit by digit, or after the code of a mobile in any groups."""
    return _ONE_BY_ONE.fullmatch(written) is not None or _MOBILE_FIRST.fullmatch(written) is not None


def _plates(text: str) -> Iterator[Span]:
    for match in _PLATE.finditer(text):
        sure = match["gap"] == "" or match["a"].isupper() or match["b"].lower() not in _NO_PLATE
        told = nearest(text, match.start(), CAR, THING, 40) or _CAR_AFTER.match(text, match.end()) is not None
        if match["number"] != "000" and (told or (sure and match["region"] and not _is_thing(text, match.start()))):
            yield Span(match.start(), match.end(), "car_plate")


def _spoken_plates(text: str) -> Iterator[Span]:
    """`эс двести девяносто три эн а сто шестнадцать`, where a car is spoken of."""
    for match in _SPOKEN_PLATE.finditer(text):
        if nearest(text, match.start(), CAR, THING, 40) or _CAR_AFTER.match(text, match.end()) is not None:
            yield Span(match.start(), match.end(), "car_plate")


def _spoken(text: str) -> Iterator[Span]:
    for run in said(text):
        class_id = _spoken_class(text, run)
        if class_id is not None:
            yield Span(run.start, run.end, class_id)


def _spoken_class(text: str, run: Said) -> str | None:
    size = len(run.digits)
    if size == 10 and before(text, run.start, PASSPORT, 60) is not None:
        return "passport"
    if size in (10, 12) and before(text, run.start, INN, 30) is not None:
        return "inn"
    if size == 11 and before(text, run.start, SNILS, 30) is not None:
        return "snils"
    if size in (16, 18, 19) and before(text, run.start, CARD, 40) is not None:
        return "card"
    if _PHONE_FAMILY.match(run.digits):
        return "phone"
    told = before(text, run.start, PHONE, 30) is not None and not _is_thing(text, run.start)
    return "phone" if told and 9 <= size <= 12 else None
