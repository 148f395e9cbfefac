"""The normal form of a date of birth: ISO 8601, from the ways people write a day in Russian and English."""

import re
from datetime import date
from typing import Final

FIRST_YEAR: Final = 1880
MONTHS: Final = {
    stem: number
    for number, stems in enumerate(
        (
            ("январ", "янв", "jan"), ("феврал", "фев", "feb"), ("март", "мар", "mar"), ("апрел", "апр", "apr"),
            ("ма", "may"), ("июн", "jun"), ("июл", "jul"), ("август", "авг", "aug"), ("сентябр", "сент", "сен", "sep"),
            ("октябр", "окт", "oct"), ("ноябр", "ноя", "nov"), ("декабр", "дек", "dec"),
        ),
        start=1,
    )
    for stem in stems
}  # fmt: skip
_ENDING = re.compile(r"(?:uary|ruary|ch|il|e|y|ust|tember|t|ober|ember|[аяйьеюиём]+)?\.?")
_WORDED = re.compile(
    r"(\d{1,2})(?:-?(?:го|е|ого))?[\s.]+([а-яёa-z]{2,9}\.?)[\s,]+(\d{4})(?:\s*(?:г\.?|года?|г\.\s*р\.?))?"
)
_FIGURES = re.compile(r"(\d{1,2})\s*[./\-\u2013]\s*(\d{1,2})\s*[./\-\u2013]\s*(\d{4})(?:\s*(?:г\.?|года?|г\.\s*р\.?))?")
_ISO = re.compile(r"(\d{4})[-./](\d{1,2})[-./](\d{1,2})")


def birth_date(value: str) -> str | None:
    """ISO 8601, from `YYYY-MM-DD`, `DD.MM.YYYY` (or with / and -), `5 ноября 1990 г.`, `5 Nov 1990`.

    A year of two digits is refused: nothing says which century was meant.
    """
    text = value.strip().casefold()
    if not text.isprintable() or not all(char.isascii() for char in text if char.isdigit()):
        return None
    if (match := _ISO.fullmatch(text)) is not None:
        return _day(match[1], match[2], match[3])
    if (match := _FIGURES.fullmatch(text)) is not None:
        return _day(match[3], match[2], match[1])
    if (match := _WORDED.fullmatch(text)) is not None and (month := month_number(match[2])):
        return _day(match[3], str(month), match[1])
    return None


def month_number(word: str) -> int | None:
    """1 to 12 for the name of a month in any case, or its abbreviation."""
    folded = word.casefold().replace("ё", "е")
    for size in range(min(len(folded), 8), 1, -1):
        number = MONTHS.get(folded[:size])
        if number is not None:
            return number if _ENDING.fullmatch(folded[size:]) is not None else None
    return None


def _day(year: str, month: str, day: str) -> str | None:
    try:
        born = date(int(year), int(month), int(day))
    except ValueError:
        return None
    return born.isoformat() if born.year >= FIRST_YEAR else None
