"""Dates of birth: a date is one only where the text says so, or beside the person it belongs to."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from pii_vault.classify.context import BORN, NOT_BORN, before
from pii_vault.classify.spans import Span
from pii_vault.classify.spoken import NUMBER

_MONTH = (
    r"(?:янв(?:ар[ьяе])?|фев(?:рал[ьяе])?|март[ае]?|мар|апр(?:ел[ьяе])?|ма[йяе]|июн[ьяе]?|июл[ьяе]?|авг(?:уст[ае]?)?|"
    r"сент?(?:ябр[ьяе])?|окт(?:ябр[ьяе])?|ноя(?:бр[ьяе])?|дек(?:абр[ьяе])?)"
)
_YEAR_WORD = r"(?:\s?г(?:\.(?!\s?р(?!\w))|(?!\w|\.))|\s+года?(?!\w))"
_ORDINAL = r"[а-яё]{3,14}(?:ого|ое|его|ье|ьего)"
_SAID_YEAR = rf"(?:тысяча\s+девятьсот|две\s+тысячи|двухтысячн\w+)?(?:\s*{NUMBER})?\s*[а-яё]{{3,16}}(?:ого|его|ьего)"
_DATE: Final = re.compile(
    rf"(?<![\d.])(?:"
    rf"(?P<figures>\d{{1,2}}\s?[./\-]\s?\d{{1,2}}\s?[./\-]\s?(?:19|20)?\d{{2}})(?!\d|\.\d)(?:{_YEAR_WORD}(?!\s*рожд))?"
    rf"|(?P<iso>(?:19|20)\d{{2}}[-./]\d{{2}}[-./]\d{{2}})(?!\d)"
    rf"|(?P<worded>\d{{1,2}}(?:-?(?:го|е|ого))?\s+{_MONTH}\.?\s+(?:19|20)?\d{{2}})(?!\d)(?:{_YEAR_WORD})?"
    rf"|(?P<short>\d{{1,2}}(?:-?(?:го|е|ого))?\s+{_MONTH})(?![\wё])"
    rf"|(?P<said>(?<![а-яё])(?:{NUMBER}\s+)?{_ORDINAL}\s+{_MONTH}\s+{_SAID_YEAR}(?:\s+года?)?)(?![а-яё])"
    rf"|(?P<said_short>(?<![а-яё])(?:{NUMBER}\s+)?{_ORDINAL}\s+{_MONTH}(?:\s+\d{{4}})?)(?![\wё])"
    rf"|(?P<year>(?:19[2-9]|20[01])\d(?=\s?(?:г\.?\s?р(?!\w)|года?\s+рожд)))"
    rf"|(?P<year_after>(?<=г\.р\.\s)(?:19[2-9]|20[01])\d(?!\d|\.))"
    rf")",
    re.IGNORECASE,
)
_BORN_AFTER = re.compile(r"\W{0,3}(?:года?|г\.?)?\W{0,2}(?:рожд|г\.?\s?р(?![а-яё]))", re.IGNORECASE)
_YEAR_TOLD = re.compile(r"(?<!\w)год\w*\s+рожд\w*\W{1,3}(?P<year>(?:19[2-9]|20[01])\d)(?!\d|[./-]\d)", re.IGNORECASE)
_SPEAKER = re.compile(r"\?\s*(?:[А-ЯЁ][а-яё]{2,15}:|[—–-]|\n)\s*")  # `дата рождения? Клиент: 05.10.1968`
_DATED = frozenset(
    {"passport", "card", "car_plate", "address"}
)  # a date after these is another one: of issue, of delivery
_OWN = frozenset({"name", "passport", "snils"})
_PLAUSIBLE = re.compile(r"(?:19[2-9]\d|20[01]\d)(?!\d)")


def find_birth_dates(text: str) -> Iterator[Span]:
    """Dates that words say to be of birth."""
    for match in _YEAR_TOLD.finditer(text):
        yield Span(match.start("year"), match.end("year"), "birth_date")
    for match in _DATE.finditer(text):
        if _is_born(text, match.start(), match.end()):
            yield Span(match.start(), match.end(), "birth_date")


def find_beside(text: str, found: Sequence[Span]) -> Iterator[Span]:
    """Full dates with a plausible year that stand in a record of a person: beside the name, or between its values."""
    if not any(span.class_id == "name" for span in found):
        return
    before_it = {span.end: span.class_id for span in found if span.class_id not in _DATED}
    after_it = {span.start: span.class_id for span in found}
    for match in _DATE.finditer(text):
        full = match["figures"] or match["iso"] or match["worded"]
        if match["said"] is None and (not full or _PLAUSIBLE.search(full) is None):
            continue
        lead = re.search(r"[\s,;:|/(\"»—–-]*$", text[max(0, match.start() - 5) : match.start()])
        tail = re.match(r"(?:\s?г\.?(?!\w))?[\s,;:|/)\"«—–-]*", text[match.end() : match.end() + 6])
        if lead is None or tail is None or "\n" in lead[0].lstrip("\n"):
            continue
        follows = before_it.get(match.start() - len(lead[0]))
        leads = after_it.get(match.end() + len(tail[0]))
        cell = any(mark in tail[0] for mark in ",;|\t\n") or text[match.end() :].strip(" .,;)") == ""
        listed = any(mark in lead[0] for mark in ",;|\t\n")
        beside_name = follows == "name" and ("(" in lead[0] or cell or leads is not None)
        between = follows is not None and (leads in _OWN or (listed and cell))
        if beside_name or between or (leads in _OWN - {"name"} and listed):
            yield Span(match.start(), match.end(), "birth_date")


def _is_born(text: str, start: int, end: int) -> bool:
    if _BORN_AFTER.match(text, end) is not None:
        return True
    near = before(text, start, BORN, 45)
    if near is None:
        return False
    between = _SPEAKER.sub(" ", text[start - near : start])
    return (
        "\n" not in between.strip("\n") and not re.search(r"[!?;]|\.\s+[А-ЯЁ]", between)
        and NOT_BORN.search(text[max(0, start - near - 12) : start]) is None
    )  # fmt: skip
