"""Postal addresses by rules: a street or settlement with a house, grown to the parts that stand around it.

A town or a street alone is no address of a person.
"""

import re
from collections.abc import Callable, Iterator

from pii_vault.classify.address_forms import (
    AFTER,
    BARE,
    HOUSE_AND_FLAT,
    HOUSE_ON,
    KIND_FIRST,
    KIND_LAST,
    LEAD,
    LINE,
    NOT_STREET,
    TOWN_AND_NAME,
    TRAIL,
    VILLAGE,
    WORD,
)
from pii_vault.classify.kindless import find_kindless
from pii_vault.classify.spans import MASKED, Span

_REACH = 60
_LIVES = re.compile(r"(?<!\w)(?:жив[уеё]\w*|прожива\w*|наход\w*|стоит|сто[ия]м)(?!\w)", re.IGNORECASE)


def find_addresses(text: str, is_town: Callable[[str], bool]) -> Iterator[Span]:
    """Spans of addresses; `is_town` says whether a capitalised word is the name of a place."""
    for pattern in (HOUSE_ON, KIND_FIRST, LINE, VILLAGE, KIND_LAST, TOWN_AND_NAME, BARE, HOUSE_AND_FLAT):
        for match in pattern.finditer(text):
            start = _begin(text, match, pattern)
            if start is None or MASKED in match[0]:
                continue
            if pattern is TOWN_AND_NAME and not is_town(match["town"]):
                continue
            yield Span(_grown_back(text, start, is_town), _grown_on(text, match.end()), "address")
    for start, end in find_kindless(text, is_town):
        yield Span(_grown_back(text, start, is_town), _grown_on(text, end), "address")


def _begin(text: str, match: re.Match[str], pattern: re.Pattern[str]) -> int | None:
    """Where the street begins: a name that stands before its kind may have caught words that are not of it."""
    start = match.start()
    if pattern in (HOUSE_ON, LINE, VILLAGE, HOUSE_AND_FLAT, TOWN_AND_NAME):
        return start
    head = re.split(r"\d", match[0], maxsplit=1)[0]
    if pattern is KIND_FIRST:
        return None if "\n" in head or NOT_STREET.search(head) else start
    last = None
    for stop in NOT_STREET.finditer(head):
        last = stop
    if last is not None:
        start += last.end()
        rest = text[start : match.end()]
        if re.match(rf"\s*(?:{AFTER}|{WORD}\s*,?\s*$)", rest, re.IGNORECASE) or not re.match(rf"\s*{WORD}", rest):
            return None
    return start + (len(text[start : match.end()]) - len(text[start : match.end()].lstrip(" ,.:")))


def _grown_back(text: str, start: int, is_town: Callable[[str], bool]) -> int:
    for _ in range(6):
        lead = LEAD.search(text, max(0, start - _REACH), start)
        if lead is None or MASKED in lead[0] or "\n" in lead[0].strip("\n") or _LIVES.search(lead[0]):
            return start
        town = lead["town"]
        if town is not None and " " in town and not _belong(*town.split(" ", 1)):
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
        cut = NOT_STREET.match(lead[0].lstrip())
        if cut is not None and lead[0].lstrip()[cut.end() :][:1] == ".":
            cut = None  # `с.` is a village, `с` is a preposition
        begin = lead.start() if cut is None else lead.start() + lead[0].index(lead[0].lstrip()) + cut.end()
        start = begin + len(text[begin:start]) - len(text[begin:start].lstrip(" ,"))
    return start


def _belong(first: str, second: str) -> bool:
    """Whether two words may be the name of one town, as in Нижний Новгород."""
    if first[0].isupper():
        return second[0].isupper()
    return first.lower().endswith(("ый", "ий", "ые", "ая", "ое", "ие"))


def _grown_on(text: str, end: int) -> int:
    while (trail := TRAIL.match(text, end)) is not None and MASKED not in trail[0]:
        end = trail.end()
    return end
