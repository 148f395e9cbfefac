"""Words that say what stands beside them."""

import re
from typing import Final

from pii_vault.classify.words import word_pattern

PHONE: Final = word_pattern("phone")
THING: Final = word_pattern("thing")  # a number after these is the number of a thing, whatever it looks like
PASSPORT: Final = word_pattern("passport")
INN: Final = word_pattern("inn")
SNILS: Final = word_pattern("snils")
CARD: Final = word_pattern("card")
LOYALTY: Final = word_pattern("loyalty")
CAR: Final = word_pattern("car")
BORN: Final = re.compile(
    r"(?<!\w)(?:род(?:ил|ивш)\w*|рожд\w*|дат[ауыеой]+ рожд\w*|д[./]?\s?р(?:ожд)?(?![а-яё])\.?|г[./]?\s?р(?![а-яё])\.?|"
    r"днюх\w*|именин\w*|birth\w*|born|dob|появил\w* на свет)",
    re.IGNORECASE,
)
NOT_BORN: Final = re.compile(
    r"(?<!\w)и\s+др\.?\s*$|доставк|заказ[а-яё]* от|выдан|действ|рожд\w*\s+(?:магазин|компани|фирм|бренд|сети|кафе)",
    re.IGNORECASE,
)


def before(text: str, at: int, pattern: re.Pattern[str], reach: int) -> int | None:
    """How far before a place the nearest such word ends; None when there is none within reach."""
    start = max(0, at - reach)
    last = None
    for match in pattern.finditer(text, start, at):
        last = match
    return None if last is None else at - last.end()


def just_before(text: str, at: int, pattern: re.Pattern[str]) -> bool:
    """Whether such a word stands right before a place."""
    near = before(text, at, pattern, 20)
    return near is not None and text[at - near : at].strip(' \u00a0.«"') == ""


def nearest(text: str, at: int, wanted: re.Pattern[str], unwanted: re.Pattern[str], reach: int) -> bool:
    """Whether a wanted word stands before a place, and no unwanted one nearer."""
    near = before(text, at, wanted, reach)
    far = before(text, at, unwanted, reach)
    return near is not None and (far is None or near <= far)
