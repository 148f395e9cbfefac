"""Russian names and addresses in Latin letters, as typed without a Russian keyboard, and English ones."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from pii_vault.classify.morph import given_names
from pii_vault.classify.spans import MASKED, Span
from pii_vault.core.transliterate import skeleton

_WORD = r"[A-Za-z][A-Za-z'\-]{1,39}"  # bounded, so that time grows with the text alone
_STREET_BEFORE = (
    r"ul|ulitsa|ulica|prospekt|prospect|pr-?k?t|per|pereulok|shosse|bulvar|b-r|naberezhnaya|naberejnaya|nab|ploshchad|pl|"
    r"mkr|mikrorayon|proezd"
)
_STREET_AFTER = (
    r"ulitsa|ulica|ul|prospekt|per|pereulok|shosse|bulvar|st|str|street|ave|avenue|lane|road|rd|blvd|embankment"
)
_FLAT = r"(?:kv|kvartira|apt|apartment|flat|of|ofis|office|pod|podezd|entrance)"
_PARTS = (
    rf"(?:\s*,?\s*(?:{_FLAT}|d|dom|house|bld|building|korp|korpus|k|str)\.?\s*(?:no\.?|#|№)?\s*\d{{1,4}}[a-z]?(?!\w))*"
)
_HOUSE = r"\s*,?\s*(?:(?:d|dom|house|bld|building)\.?\s*)?\d{1,4}[a-z]?(?:\s?[/\-]\s?\d{1,4}){0,2}(?!\w|[.,]\d)"
_ADDRESSES: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<!\w)(?:{_STREET_BEFORE})\.?\s+{_WORD}(?:\s{_WORD})??{_HOUSE}{_PARTS}",
        rf"(?<!\w){_WORD}(?:\s{_WORD})??\s+(?:{_STREET_AFTER})(?!\w)\.?{_HOUSE}{_PARTS}",
        rf"(?<!\w)\d{{1,4}}[a-z]?,?\s+(?-i:[A-Z][a-z'\-]{{1,39}})(?:\s{_WORD})?\s+(?:st|street|ave|avenue|lane|road|rd|blvd)(?!\w)\.?{_PARTS}",
        rf"(?<!\w)(?-i:[A-Z][a-z'\-]{{1,39}})\s*,?\s+(?:d\.?\s*|dom\s+)?\d{{1,3}}[a-z]?(?:/\d{{1,3}})?\s*,?\s+{_FLAT}\.?\s*\d{{1,4}}(?!\w)",
    )
)
_LEAD = re.compile(
    r"(?:(?<!\w)(?:[1-6]\d{5}|(?:g|gorod|city)\.?\s[A-Z][a-z'\-]{1,39}|[A-Z][A-Za-z'\-]{1,39}(?:\s[A-Z][a-z]+)?|(?<![А-ЯЁа-яё\-])[А-ЯЁ][А-ЯЁа-яё\-]{1,39}))\s*,\s*$"
)

_PREPOSITION = re.compile(r"(?:to|at|for|from|in|na|po|v)\s+", re.IGNORECASE)
_INDEX = re.compile(r"\s*,\s*\d{6}(?!\d)")

# After these a person follows, whatever the word is; after the others only a known given name.
_CALL: Final = re.compile(
    r"(?<!\w)(?:zovut|my name is|name is|name\s?[:=]|imya\s?:|familiya\s?:?|fio\s?:?|poluchatel\s?:?|regards,?|"
    r"wishes,?|sincerely,?|dear|mr\.?|mrs\.?|ms\.?|s uvazheniem,?|uvazhaem\w+)\s+",
    re.IGNORECASE,
)
_HINT: Final = re.compile(
    r"(?<!\w)(?:eto|ya|i am|i'm|it's|this is|ot|dlya|u|s|na imya|klient\w*|client|customer|for|from|to|spasibo|"
    r"thanks,?|hi,?|hello,?|privet,?|zdravstvuyte,?)\s+",
    re.IGNORECASE,
)
_PERSON = re.compile(r"(?:[A-Z][a-z'\-]{1,39}|[A-Z]{2,})(?:\ (?:[A-Z][a-z'\-]{1,39}|[A-Z]{2,}|[A-Z]\.)){0,2}(?![\w@])")
_LOWER_PERSON = re.compile(r"[a-z]{3,14}(?:\ [a-z]{3,14})?(?![\w@])")
_RUSSIAN_CALL: Final = re.compile(
    r"(?<!\w)(?:подпис\w+|получател\w+|имя|фио|держател\w+|заказчик\w?|клиент\w?|отправител\w+|гост[ьия]|покупател\w+)\s*[:—–-]?\s+",
    re.IGNORECASE,
)
_SURNAME: Final = re.compile(
    r"[a-z'\-]{3,}(?:[oe]va?|yova?|ina?|yna?|[st]ski[iy]?|[st]sky|[st]skaya|[st]skaia|enko|chuk|dze|shvili|zade|yan)"
)
_LOWER_PAIR = re.compile(r"(?<![\w@.])([a-z]{4,14})\ ([a-z]{6,20})(?![\w@])")
_SURE_SURNAME: Final = re.compile(
    r"[a-z]{3,}(?:[oe]va?|yova?|[st]ski[iy]?|[st]sky|[st]skaya|enko|chuk|shvili|zade)|[a-z]{4,}yan"
)
_NO_PERSON: Final = frozenset(
    {
        "Sir",
        "Madam",
        "Mr",
        "Mrs",
        "Ms",
        "Dr",
        "Team",
        "All",
        "Friends",
        "Customer",
        "Client",
        "Customers",
        "Support",
        "Colleagues",
    }
)


def find_latin_addresses(text: str) -> Iterator[Span]:
    """A street with a house, and the town or postcode before it."""
    for pattern in _ADDRESSES:
        for match in pattern.finditer(text):
            lead = _LEAD.search(text, max(0, match.start() - 40), match.start())
            start = match.start() if lead is None else lead.start()
            preposition = _PREPOSITION.match(text, start)
            start = start if preposition is None else preposition.end()
            if MASKED not in text[start : match.end()] and "\n" not in match[0]:
                index = _INDEX.match(text, match.end())
                yield Span(start, match.end() if index is None else index.end(), "address")


def find_latin_names(text: str) -> Iterator[Span]:
    """Names where the text says whose they are: `zovut Oleg`, `Best regards, Dmitry Volkov`."""
    yield from _called(text)
    for person in _PERSON.finditer(text):
        near = text[max(0, person.start() - 3) : person.start()] + text[person.end() : person.end() + 3]
        if MASKED in near and _known(person) is not None:
            yield Span(person.start(), person.end(), "name")
    for person in _PERSON.finditer(text):
        if person[0].count(" ") == 1 and _is_russian(*person[0].split()):
            yield Span(person.start(), person.end(), "name")
    for low in _LOWER_PAIR.finditer(text):
        if _hard(low[1]) in _skeletons() and _SURE_SURNAME.fullmatch(low[2]) is not None:
            yield Span(low.start(), low.end(), "name")
    for hint in _HINT.finditer(text):
        hinted = _known(_PERSON.match(text, hint.end()))
        if hinted is not None:
            yield Span(hinted.start(), hinted.end(), "name")


def _called(text: str) -> Iterator[Span]:
    """Persons after a word that says so, in English, in Latin letters or in Russian."""
    for call in _CALL.finditer(text):
        person = _PERSON.match(text, call.end()) or _known(_LOWER_PERSON.match(text, call.end()))
        if person is not None and person[0].split()[0] not in _NO_PERSON:
            yield Span(person.start(), person.end(), "name")
    for call in _RUSSIAN_CALL.finditer(text):
        person = _PERSON.match(text, call.end())
        if person is not None and person[0].count(" ") == 1 and (call[0].strip()[-1:] in ":—–-" or _known(person)):
            yield Span(person.start(), person.end(), "name")


def _is_russian(one: str, two: str) -> bool:
    """`Kira Sedova`, `Sedov Kirill`: a given name of ours beside a word with the ending of a surname of ours."""
    return any(
        _hard(given) in _skeletons() and _SURNAME.fullmatch(surname.lower()) is not None
        for given, surname in ((one, two), (two, one))
    )


def _known(person: re.Match[str] | None) -> re.Match[str] | None:
    """The match, if one of its words is a given name."""
    if person is None or not any(_hard(word) in _skeletons() for word in person[0].split()):
        return None
    return person


@cache
def _skeletons() -> frozenset[str]:
    return frozenset(_hard(name) for name in given_names() if len(name) > 3)  # noqa: PLR2004  short ones are words too


def _hard(word: str) -> str:
    """A skeleton in which `Victor` and `Viktor` are one."""
    return skeleton(word).replace("c", "k")
