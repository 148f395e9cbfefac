"""Postal addresses by rules: a street or settlement with a house, grown to the parts that stand around it.

A town or a street alone is no address of a person. Abbreviations are those of the state address register (ФИАС,
order of the finance ministry 171н) and what people write instead.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from pii_vault.classify.spans import MASKED, Span
from pii_vault.classify.spoken import NUMBER

_W = r"[А-ЯЁа-яё][А-ЯЁа-яё\-]*"  # a word
_SAID = rf"(?:(?:{NUMBER})(?![а-яё])(?:\s+(?:{NUMBER})(?![а-яё]))*)"
_HOUSE_NUMBER = (
    r"№?\s?\d{1,4}(?:\s?[абвгдежзк](?![а-яё.]))?(?:\s?[/\\]\s?\d{1,4}[а-я]?)?(?:\s?[кс]\s?\d{1,2}(?![\d\w]))?"
    r"(?:\s?-\s?\d{1,4}){0,2}"
)
_ANY_NUMBER = rf"(?:{_HOUSE_NUMBER}|{_SAID}(?:\s+дробь\s+{_SAID})?)"
_BEFORE = (  # kinds that stand before the name
    r"ул|улиц[аеуы]|пр-?к?т|просп|проспект[ае]?|пр|пр-д|проезд[ае]?|пер|переул(?:о?к[еау]?)?|б-р|бульвар[ае]?|бул|"
    r"ш|шоссе|наб|набережн(?:ая|ой|ую)|пл|площад[ьи]|аллея|аллее|тупик[е]?|мкр|мкрн|мкр-н|микрорайон[е]?|м-н|квартал[е]?|"
    r"кв-л|тракт|снт|днп|днт|жк|линия|линии|городок|взлетная"
)
_SETTLEMENT = (
    r"д|дер|деревн[яеи]|с|сел[оае]|п|пос|пос[её]л(?:ок|ке|ка)|пгт|рп|ст|станиц[аеы]|ст-ца|х|хутор[е]?|аул[е]?|кп"
)
_AFTER = (  # kinds that may stand behind it
    r"ул(?!\w)\.?|улиц[аеуы]|пр-?к?т(?!\w)\.?|проспект[ае]?|пр(?!\w)\.?|пер(?!\w)\.?|переул(?:ок|ке|ка)|б-р|бульвар[ае]?|"
    r"ш(?!\w)\.?|шоссе|наб(?!\w)\.?|набережн(?:ая|ой|ую)|проезд[ае]?|тракт|мкр(?!\w)\.?|микрорайон[е]?|аллея|тупик"
)
_QUOTED = r"[«\"“][^»\"”\n]{2,40}[»\"”]"
_NAME = (
    rf"(?:{_QUOTED}|(?:(?:\d{{1,4}}(?:-?(?:я|й|ая|ой|го|ти|летия|лет))?|им\.?|имени|ак(?:ад)?\.|ген\.|марш\.|адм\.|св\.)\s*)?(?:[А-ЯЁ]\.\s?){{0,2}}"
    rf"{_W}(?:\s+{_W}){{0,3}}?)"
)
_ORDINAL = r"(?:\d{1,3}-?(?:я|й|ая|ой)\s+)?"
_HOUSE_WORD = r"(?:дом[еау]?|д|влд|владение|участок|уч|уч-к|стр|строение|зд|здание)"
_FLAT_WORD = r"(?:кв|квартир[аеуы]|оф|офис|апарт\w*|ком|комната|пом|помещение|каб)"
_PART_WORD = (
    rf"(?:{_HOUSE_WORD}|{_FLAT_WORD}|корп|корпус[е]?|к|стр|строение|лит|литера?|блок|секция|общ|общежитие|бокс)"
)
_GAP = r"\s*,?\s*"
_HOUSE = (
    rf"(?:{_GAP}{_HOUSE_WORD}\.?\s*{_ANY_NUMBER}|\s*,\s*{_HOUSE_NUMBER}|\s+{_HOUSE_NUMBER}|"
    rf"(?:\s+|\s*,\s*){_SAID}(?={_GAP}{_PART_WORD}\b))"
)
_PART_NUMBER = rf"(?:\d{{1,4}}(?:\s?[а-я](?![\w.]))?(?:[/-]\d{{1,4}})?|[абвгд](?!\w)|{_SAID})"
_PARTS = rf"(?:{_GAP}(?<!\w){_PART_WORD}\.?\s*№?\s*{_PART_NUMBER})"
_UNIT = (
    r"(?!\s*(?:руб\w*|р\.|₽|%|м²|(?:р|шт|штук\w*|минут\w*|мин|час(?:а|ов)?|дн(?:я|ей)|день|раз[а]?|кг|гр?|м2|метр\w*|см|мм|"
    r"км|лет|год[а]?|человек\w*|этаж\w*|коробк\w*|мест[оа]?|тыс|процент\w*)(?!\w)))"
)
_HOUSE_END = rf"{_HOUSE}(?![\d:%]|[.,]\d{{2}}){_UNIT}{_PARTS}*"
_KIND_FIRST: Final = re.compile(rf"(?<!\w)(?:{_BEFORE})(?![\w-])\.?\s*{_NAME}{_HOUSE_END}", re.IGNORECASE)
_KIND_LAST: Final = re.compile(rf"(?<!\w){_NAME}\s+(?:{_AFTER})(?:\s+(?=\d))?{_HOUSE_END}", re.IGNORECASE)
_LINE: Final = re.compile(  # of Vasilyevsky island, and of towns built after it
    rf"(?<!\w)\d{{1,2}}-?(?:я|ая)?\s+линия(?:\s+В\.?\s?О\.?)?{_HOUSE_END}", re.IGNORECASE
)
_VILLAGE: Final = re.compile(
    rf"(?<![\w])(?:{_SETTLEMENT})(?![\w-])\.?\s+{_NAME}(?:{_GAP}{_HOUSE_WORD}\.?\s*{_ANY_NUMBER}|\s*,\s*\d{{1,3}}(?!\d|[.,]\d)){_UNIT}{_PARTS}*",
    re.IGNORECASE,
)
# Without the word for a street: a name and a number, when house or flat is named after it.
_BARE: Final = re.compile(
    rf"(?<![\w.]){_ORDINAL}{_W}(?:\s+{_W})?{_GAP}(?:(?:дом|д)\.?\s*)?\d{{1,3}}[а-я]?(?:/\d{{1,3}})?{_GAP}{_FLAT_WORD}\.?\s*\d{{1,4}}{_PARTS}*",
    re.IGNORECASE,
)
_HOUSE_AND_FLAT: Final = re.compile(
    rf"(?<!\w)(?:дом|д)\.?\s*{_ANY_NUMBER}(?:{_GAP}(?:корп|корпус|стр|строение|к)\.?\s*\d{{1,3}})?{_GAP}{_FLAT_WORD}\.?\s*(?:\d{{1,4}}|{_SAID}){_PARTS}*",
    re.IGNORECASE,
)
# `Калуга, Кирова 20`: a town, a capitalised name, a number.
_TOWN_AND_NAME: Final = re.compile(
    rf"(?<![\w])(?P<town>[А-ЯЁ][А-ЯЁа-яё\-]+(?:\s[А-ЯЁ][а-яё]+)?)\s*,\s*{_ORDINAL}[А-ЯЁ][А-ЯЁа-яё\-]+(?:\s[А-ЯЁ][а-яё]+)?,?\s+(?:{_HOUSE_WORD}\.?\s*)?{_HOUSE_NUMBER}(?![\d:%]|[.,]\d){_UNIT}{_PARTS}*"
)
_REGION_WORD = r"(?:область|обл\.?|край|район|р-н|республика|округ|а\.?о\.?|улус)"
_LEAD: Final = re.compile(  # what may stand before an address, one part at a time
    rf"(?:(?<![\w№])(?:[1-6]\d{{5}}|Россия|РФ|Российская Федерация"
    rf"|(?:респ\.?|республика)\s+{_W}(?:\s{_W})?"
    rf"|{_W}(?:\s{_W})?\s+{_REGION_WORD}|обл(?:асть|\.)\s+{_W}"
    rf"|(?:город|гор|г|{_SETTLEMENT})(?:\.\s*|\s+){_W}(?:[\s]{_W}){{0,2}}"
    rf"|(?P<town>[А-ЯЁ][А-ЯЁа-яё\-]+(?:\s[А-ЯЁ][а-яё\-]+)?|спб|мск|питер))"
    rf"|[А-ЯЁа-яё\-]+(?:\s[А-ЯЁа-яё\-]+)?\s+обл\.)[\s,]*$",
    re.IGNORECASE,
)
_TRAIL: Final = re.compile(
    rf"\s*,\s*(?:[1-6]\d{{5}}(?!\d)|(?:г\.?|город)\s?{_W}|{_W}\s+(?:район|р-н|обл(?:асть|\.)?|край))", re.IGNORECASE
)
_REACH = 60
_NOT_STREET = re.compile(
    r"(?<!\w)(?:по|за|от|до|на|в|с|из|к|у|и|или|что|это|есть|был\w*|буд\w*|стоит|стоял\w*|заказ\w*|купи\w*|товар\w*|размер\w*|"
    r"сумм\w*|цен\w*|артикул\w*|телефон\w*|тел|номер\w*|доставк\w*|получател\w*|минут\w*|осталось|хочу|нужн\w*|мне|нам|вам|я|мы)(?![\w.])",
    re.IGNORECASE,
)


def find_addresses(text: str, is_town: Callable[[str], bool]) -> Iterator[Span]:
    """Spans of addresses; `is_town` says whether a capitalised word is the name of a place."""
    for pattern in (_KIND_FIRST, _LINE, _VILLAGE, _KIND_LAST, _TOWN_AND_NAME, _BARE, _HOUSE_AND_FLAT):
        for match in pattern.finditer(text):
            start = _begin(text, match, pattern)
            if start is None or MASKED in match[0]:
                continue
            if pattern is _TOWN_AND_NAME and not is_town(match["town"]):
                continue
            yield Span(_grown_back(text, start, is_town), _grown_on(text, match.end()), "address")


def _begin(text: str, match: re.Match[str], pattern: re.Pattern[str]) -> int | None:
    """Where the street begins: a name that stands before its kind may have caught words that are not of it."""
    start = match.start()
    if pattern in (_LINE, _VILLAGE, _HOUSE_AND_FLAT, _TOWN_AND_NAME):
        return start
    head = re.split(r"\d", match[0], maxsplit=1)[0]
    if pattern is _KIND_FIRST:
        return None if "\n" in head or _NOT_STREET.search(head) else start
    last = None
    for stop in _NOT_STREET.finditer(head):
        last = stop
    if last is not None:
        start += last.end()
        rest = text[start : match.end()]
        if re.match(rf"\s*(?:{_AFTER}|{_W}\s*,?\s*$)", rest, re.IGNORECASE) or not re.match(rf"\s*{_W}", rest):
            return None
    return start + (len(text[start : match.end()]) - len(text[start : match.end()].lstrip(" ,.:")))


def _grown_back(text: str, start: int, is_town: Callable[[str], bool]) -> int:
    for _ in range(6):
        lead = _LEAD.search(text, max(0, start - _REACH), start)
        if lead is None or MASKED in lead[0] or "\n" in lead[0].strip("\n"):
            return start
        town = lead["town"]
        if town is not None and " " in town and not _belongs(town.split(" ")[0]):
            first = len(town.split(" ")[0]) + 1
            if not is_town(town[first:]):
                return start
            return lead.start("town") + first
        if town is not None and not is_town(town):
            second = town.split(" ", 1)[-1]
            if second == town or not is_town(second):
                return start
            start = lead.start("town") + len(town) - len(second)
            continue
        cut = _NOT_STREET.match(lead[0].lstrip())
        if cut is not None and lead[0].lstrip()[cut.end() :][:1] == ".":
            cut = None  # `с.` is a village, `с` is a preposition
        begin = lead.start() if cut is None else lead.start() + lead[0].index(lead[0].lstrip()) + cut.end()
        start = begin + len(text[begin:start]) - len(text[begin:start].lstrip(" ,"))
    return start


def _belongs(word: str) -> bool:
    """Whether the first of two words may be of the name of a town, as in Нижний Новгород."""
    return word[0].isupper() or word.lower().endswith(("ый", "ий", "ые", "ая", "ое", "ие"))


def _grown_on(text: str, end: int) -> int:
    while (trail := _TRAIL.match(text, end)) is not None and MASKED not in trail[0]:
        end = trail.end()
    return end
