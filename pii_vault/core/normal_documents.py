# ruff: noqa: PLR2004  the figures are the formats themselves
"""The normal forms of a passport and of a car's number plate."""

import re
import unicodedata
from typing import Final

PLATE_LETTERS: Final = "АВЕКМНОРСТУХ"  # ГОСТ Р 50577-2018: the Cyrillic letters that look like Latin ones
_TO_CYRILLIC = str.maketrans("ABEKMHOPCTYX", PLATE_LETTERS)
_PLATE = re.compile(rf"[{PLATE_LETTERS}]\d{{3}}[{PLATE_LETTERS}]{{2}}(\d{{2,3}})")
_TAXI_OR_TRAILER = re.compile(rf"[{PLATE_LETTERS}]{{2}}\d{{3,4}}(\d{{2,3}})")
_PASSPORT_WORDS = re.compile(
    r"паспорт(?:а|ные данные)?(?:\s+рф)?|серии|серия|сер\.|номера|номер|ном\.|№", re.IGNORECASE
)


def passport(value: str) -> str | None:
    """Letters and digits without separators, in capitals: 10 digits of a Russian one (Положение о паспорте, decree
    828 of 1997: series of 4, number of 6), or a foreign one (ICAO Doc 9303: up to 9 characters). The words
    паспорт, серия, номер are left out.
    """
    words = _PASSPORT_WORDS.sub(" ", value)
    bare = "".join(char for char in words.upper() if char.isalnum())
    digits = sum(char.isdigit() for char in bare)
    return bare if 6 <= len(bare) <= 20 and digits >= 5 else None


def car_plate(value: str) -> str | None:
    """`А123ВС777` in Cyrillic capitals (ГОСТ Р 50577-2018, types 1 and 1Б, 2): Latin look-alikes count as equal."""
    bare = "".join(char for char in unicodedata.normalize("NFKC", value).upper() if char.isalnum())
    bare = bare.removesuffix("RUS").translate(_TO_CYRILLIC)
    if not all(char.isascii() for char in bare if char.isdigit()):
        return None
    match = _PLATE.fullmatch(bare) or _TAXI_OR_TRAILER.fullmatch(bare)
    return bare if match is not None and int(match[1]) > 0 and "000" not in bare[1:4] else None
