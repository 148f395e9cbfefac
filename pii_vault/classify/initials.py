# ruff: noqa: PLR2004  weights
"""Names with initials: `Седов А. П.`, `А. П. Седов`, `седов а.п.`, and initials alone."""

import re
from collections.abc import Iterator
from typing import Final

from pii_vault.classify.morph import Reading, read
from pii_vault.classify.spans import Span
from pii_vault.classify.surroundings import MONTHS, NEVER, Surroundings

_INITIALS = r"(?:[А-ЯЁ]\.\s?-?[А-ЯЁ]\.?|[А-ЯЁ]\.)"
_LOW_INITIALS = r"[а-яё]\.\s?[а-яё]\."
_SURNAME_INITIALS: Final = re.compile(
    rf"(?<![\w.])(?:[А-ЯЁ][а-яё]+(?:-[А-ЯЁ][а-яё]+)?|[А-ЯЁ]{{3,}}(?:-[А-ЯЁ]+)?),?\s+{_INITIALS}(?!\w)"
    rf"|(?<![\w.])(?P<low>[а-яё]{{4,}})\s+{_LOW_INITIALS}(?!\w)"
)
_INITIALS_SURNAME: Final = re.compile(
    r"(?<![\w.])[А-ЯЁ]\.\s?(?:[А-ЯЁ]\.\s?)?[А-ЯЁ][а-яё]{2,}(?:-[А-ЯЁ][а-яё]+)?(?!\w)"
    r"|(?<![\w.])(?P<low>[а-яё]\.\s?[а-яё]\.\s?[а-яё]{4,})(?!\w)"
)
_INITIALS_ALONE: Final = re.compile(r"(?<![\w.])(?<!\d )[А-ЯЁ]\.\s?[А-ЯЁ]\.(?=\s[а-яё]|,|$)")
_NO_INITIALS: Final = frozenset(
    {
        "ИО",
        "АО",
        "ВО",
        "МП",
        "РФ",
        "ДР",
        "ГР",
        "ТК",
        "ТЕ",
        "ТП",
        "ПС",
        "НЭ",
        "БУ",
        "ТД",
        "СШ",
        "ТЧ",
        "ИП",
        "РП",
        "ВЧ",
        "НП",
        "ТО",
        "ПМ",
        "ПП",
        "ЕИ",
        "ОЗ",
        "БП",
    }
)


def _is_low_surname(reading: Reading, written: str) -> bool:
    """`соловей м.в.`, `к.а. ким`: with initials that are no abbreviation, whatever may be a surname."""
    initials = "".join(re.findall(r"(?<![а-яё])([а-яё])\.", written)).upper()
    return reading.surname >= 0.3 or (
        initials not in _NO_INITIALS and (reading.surname > 0.03 or not reading.known) and not reading.past_gender
    )


def find_initials(text: str, *, shouting: bool) -> Iterator[Span]:
    """Spans of names with initials; in a text all in capitals two letters alone are an abbreviation."""
    for match in _SURNAME_INITIALS.finditer(text):
        low = re.match(r"\w+", match[0])
        reading = read(low[0].lower()) if low else None
        if match["low"] and (reading is None or not _is_low_surname(reading, match[0])):
            continue
        if low is None or reading is None or low[0].lower() in NEVER:
            continue
        # `ИП Гуляй А.П.` is a person; `Спросите А.П.` begins a sentence.
        inside = match[0].count(".") == 2 and text[: match.start()].rstrip(" ")[-1:] not in ("", ".", "!", "?", "\n")
        if (
            (inside and reading.part == "VERB" and not reading.past_gender)
            or reading.surname > 0.03
            or Surroundings.open_reading(reading)
            or reading.first > 0.3
        ):
            yield Span(match.start(), match.end(), "name")
    for match in _INITIALS_SURNAME.finditer(text):
        last = re.split(r"[.\s]+", match[0])[-1].lower()
        surname = read(last).surname
        sure = _is_low_surname(read(last), match[0]) if match["low"] else surname > 0.03 or match[0].count(".") == 2
        if last not in NEVER and last not in MONTHS and sure:
            yield Span(match.start(), match.end(), "name")
    for match in _INITIALS_ALONE.finditer(text):
        if re.sub(r"[\s.]", "", match[0]) not in _NO_INITIALS and not shouting:
            yield Span(match.start(), match.end(), "name")
