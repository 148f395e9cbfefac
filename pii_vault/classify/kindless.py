"""Streets without their kind: `Бухарестская 74-113`, `живу на ленина 45`, `Вольская, д. 76`, `омск, нахимова, 81`."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from pii_vault.classify.address_forms import (
    GAP,
    HOUSE_NUMBER,
    NOT_STREET,
    ORDINAL,
    PARTS,
    UNIT,
    WORD,
)
from pii_vault.classify.context import THING, just_before
from pii_vault.classify.spans import MASKED
from pii_vault.classify.streets import likeness

_LAST_HOUR = 24  # `Казакова 12-15` may be hours, `Казакова 12-48` is not
_COUNT = "0123456789- йяголет."  # `1-я Садовая`, `40 лет Победы`
_FLAT_PAIR = re.compile(r"\d-\s?(?:[7-9]\d|\d{3})|-\d{1,3}-\d")  # of house and flat, too high for sizes and hours
_LAST_SIZE = 70  # `новая 42-44` is clothes
_SHORT = r"(?:(?:[А-ЯЁ]|Ак|Акад|Ген|Марш|Адм|Ст|Бр)\.\s?){0,2}"  # `К. Либкнехта`, `Ак. Павлова`
_STREET = (
    rf"(?:{ORDINAL}{_SHORT}[А-ЯЁ][А-ЯЁа-яё\-]{{1,39}}(?:\s[А-ЯЁ][а-яё\-]{{1,39}}){{0,2}}"
    r"|\d{2}\sлет\s[А-ЯЁ][А-ЯЁа-яё]{2,39}|\d{1,2}\s(?:Партсъезда|съезда))"
)
_FLAT_AFTER = r"(?:(?:\s?-\s?|\s*,\s*|\s)\d{1,4}(?=\s*(?:[,;\n]|\.\s|\.?$)))"
# `Бухарестская 74-113`: a name of a street with house and flat; the caller asks what the words are.
_PAIR: Final = re.compile(
    rf"(?<![\w.\-№])(?P<street>{_STREET})\s*,?\s+"
    rf"(?P<house>\d{{1,3}})(?P<letter>[а-дк]?(?:/\d{{1,3}})?(?:[кс]\d{{1,2}})?)\s?-\s?(?P<flat>\d{{1,4}})(?:-\d{{1,4}})?"
    rf"(?![\d\-:%]|[.,]\d){UNIT}{PARTS}*"
)
_LOW_PAIR: Final = re.compile(
    rf"(?<![\w.\-№])(?P<street>[а-яё][а-яё\-]{{2,39}}(?:\s[а-яё\-]{{2,39}})?)\s(?P<house>\d{{1,3}})-(?P<flat>\d{{1,3}})(?![\d\-:%]|[.,]\d){UNIT}"
)
# `Новослободская, 14/19 стр 1`: a name of a street and a house that has more than a number.
_BUILDING: Final = re.compile(
    rf"(?<![\w.\-№])(?P<street>{_STREET})\s*,?\s+\d{{1,3}}"
    rf"(?:[а-дк](?![а-яё])|/\d{{1,3}}|[кс]\d{{1,2}}|(?={GAP}(?:корп|корпус|стр|строение|лит)(?!\w)))(?![\d\-:%])"
    rf"{UNIT}{PARTS}*(?:,\s\d{{1,3}}(?=\s*(?:[;\n]|\.?$)))?"
)
# `1) Академика Королёва 81`: in a list or a line of its own, a name that only streets bear, and a house.
_LISTED: Final = re.compile(
    rf"(?:^|[\n;][^\S\n]*|\d\)\s*|[-•]\s)(?P<street>{_STREET})\s*,?\s{HOUSE_NUMBER}"
    rf"(?![\d\-:%]|[.,]\d){UNIT}(?=\s*(?:$|[\n;,(]|\d\)))"
)
# `живу на ленина 45`: words that say that an address follows, then a name of a street and a number.
_TOLD: Final = re.compile(
    r"(?<!\w)(?:адрес\w*|жив[уёе]\w*|прожива\w*|прописан\w*|прописк\w*|зарегистрирован\w*|достав\w+|вез\w+|привез\w+|"
    r"отправ\w+|отвез\w+|подъе\w+|приезжа\w+|едем|заех\w+|заед\w+|забрать|замер|монтаж|выезд|вызов|офис\w*|склад\w*|магазин\w*|дом|(?:я|мы)(?=\sна\s))(?:\s*[:\-—–]\s*|\s+)"
    r"(?:в\s[а-яё\-]{3,40}\s(?=на\s))?(?:(?:по|на|в|это|мой|у нас|к|адресу|такой)[\s:]+){0,3}"
    rf"(?P<street>{ORDINAL}(?:[А-ЯЁ]\.\s?){{0,2}}{WORD}(?:\s{WORD})?)\s*,?\s+(?P<word>(?:дом|д)?\.?\s?){HOUSE_NUMBER}(?![\d\-:%]|[.,]\d){UNIT}{PARTS}*",
    re.IGNORECASE,
)
# `Вольская, д. 76`, `большая ордынка, д. 130`: the word for a house tells what stands before it.
_WITH_HOUSE: Final = re.compile(
    rf"(?<![\w.\-№])(?P<street>{_STREET}|[а-яё][а-яё\-]{{2,39}}(?:\s[а-яё\-]{{2,39}})?)\s*(?:,\s*(?:дом|д)(?!\w)\.?|\sд\.)\s?№?\s?{HOUSE_NUMBER}(?![\d:%]|[.,]\d){UNIT}{PARTS}*"
)
# `Подольск Ворошилова 38 114`, `саранск, нахимова, 81`: a town, perhaps after its postcode, a name, a house.
_IN_TOWN: Final = re.compile(
    rf"(?<![\w\-])(?P<post>[1-6]\d{{5}}[\s,]+)?(?:г\.?\s?)?(?P<town>(?:[а-яё]{{2,20}}(?:[ыио]й|[ыи]е|ая|ое)\s)?[а-яё][а-яё\-]{{1,39}})"
    rf"(?P<comma>\s*,)?\s+(?P<street>{ORDINAL}{_SHORT}{WORD}(?:\s{WORD})??|\d{{2}}\sлет\s{WORD}|\d{{1,2}}\sпартсъезда)\s*,?\s+"
    rf"(?P<word>(?:дом|д)(?!\w)\.?\s?)?№?\s?\d{{1,3}}[а-дк]?(?:/\d{{1,3}})?(?:[кс]\d{{1,2}})?(?P<flat>{_FLAT_AFTER})?"
    rf"(?![\d:%]|[.,]\d){UNIT}(?P<parts>{PARTS}*)",
    re.IGNORECASE,
)


# `Набережные Челны, 43/12-15`: a town whose houses have numbers of blocks instead of streets.
_BLOCKS: Final = re.compile(
    r"(?<![\w\-])(?P<town>[А-ЯЁа-яё\-]{3,40}(?:\s[А-ЯЁа-яё\-]{3,40})?)\s*,\s*\d{1,3}/\d{1,3}-\d{1,4}(?![\d\-/])"
)


def find_kindless(text: str, is_town: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
    """Places of a street with its house; `is_town` says whether words are the name of a place."""
    yield from _in_town(text, is_town)
    yield from _pairs(text)
    for match in _LISTED.finditer(text):
        if MASKED not in match[0] and likeness(match["street"]) == 1:
            yield match.start("street"), match.end()
    for match in _WITH_HOUSE.finditer(text):
        if MASKED in match[0] or _is_sentence(match["street"]):
            continue
        start = _street_in(match["street"], most=2)
        if start is not None or match["street"].lstrip(_COUNT)[:1].isupper():
            yield match.start("street") + (start or 0), match.end()
    for match in (*_BUILDING.finditer(text), *_TOLD.finditer(text)):
        start = _street_in(match["street"], most=2)
        if start is None and match.re is _TOLD and match["word"].strip() and not _is_sentence(match["street"]):
            start = 0
        if MASKED not in match[0] and start is not None:
            yield match.start("street") + start, match.end()


def _pairs(text: str) -> Iterator[tuple[int, int]]:
    for match in _PAIR.finditer(text):
        start = _street_in(match["street"])
        if MASKED in match[0] or start is None or just_before(text, match.start(), THING):
            continue
        sure = likeness(match["street"][start:]) == 1 or match["letter"]
        if sure or max(int(match["house"]), int(match["flat"])) > _LAST_HOUR:
            yield match.start("street") + start, match.end()
    for match in _LOW_PAIR.finditer(text):
        flat = max(int(match["house"]), int(match["flat"])) > _LAST_SIZE
        if flat and MASKED not in match[0] and (start := _street_in(match["street"], most=1)) is not None:
            yield match.start("street") + start, match.end()


def _in_town(text: str, is_town: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
    for block in _BLOCKS.finditer(text):
        start = _town_in(block["town"], is_town)
        if start is not None and MASKED not in block[0]:
            yield block.start() + start, block.end()
    at = 0
    while (match := _IN_TOWN.search(text, at)) is not None:
        place = None if MASKED in match[0] else _town_and_street(match, is_town)
        if place is None:
            at = match.start("town") + len(match["town"].split(" ", 1)[0])  # the next word may be the town
        else:
            yield place, match.end()
            at = match.end()


def _town_and_street(match: re.Match[str], is_town: Callable[[str], bool]) -> int | None:
    """Where the address begins, if the words are a town and a street of it."""
    town, street = match["town"], match["street"]
    second = town.partition(" ")[2]
    if _is_sentence(street) or not is_town(second or town):
        return None
    alike = likeness(street)
    if not alike and is_town(street):  # `Москва, Тверь 20`: a list of towns
        return None
    parted = match["comma"] or match["post"]
    told = match["flat"] or match["word"] or match["parts"]
    pair = match["comma"] and _FLAT_PAIR.search(match[0]) is not None
    if not (parted or told) or not (alike or pair or street.lstrip(_COUNT)[:1].isupper()):
        return None
    return match.start()


def _town_in(words: str, is_town: Callable[[str], bool]) -> int | None:
    """Where the name of a town begins in one or two words: two only where the first describes, as in Старый Оскол."""
    first, _, second = words.partition(" ")
    if not second or (first.endswith(("ый", "ий", "ые", "ая", "ое", "ие")) and is_town(words)):
        return 0 if is_town(words) else None
    return len(first) + 1 if is_town(second) else None


def _is_sentence(street: str) -> bool:
    """Whether words that no street is named with stand there."""
    return NOT_STREET.search(re.sub(r"^\d+-?\w*\s", "", street)) is not None


def _street_in(words: str, *, most: int = 3) -> int | None:
    """Where the name of a street begins in some words; None when they end in none that is likely enough."""
    return next((at for at in _words(words) if 0 < likeness(words[at:]) <= most), None)


def _words(text: str) -> list[int]:
    return [each.start() for each in re.finditer(r"\S+", text)]
