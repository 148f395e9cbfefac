# ruff: noqa: PLR0911, PLR2004  one question after another, and their weights
"""Whether words can be the name of a street that stands without its kind: by common names and by form."""

import re
from typing import Final

from pii_vault.classify.morph import read
from pii_vault.classify.words import word_set

STREETS: Final = word_set("street_names")
_ADJECTIVE: Final = re.compile(r"[а-яё]{3,}(?:[сц]к)(?:ая|ой|ую|ий|ом|ого|ому)(?:-[а-яё]+)?")
_SHORTENED: Final = re.compile(r"(?:[а-яё]|ак|акад|ген|марш|адм|ст|бр)\.")
_COUNTED: Final = frozenset({"лет", "марта", "мая", "января", "июля", "декабря", "партсъезда", "съезда"})
_OF_SOMEBODY: Final = re.compile(r"[а-яё]{3,}(?:ова|ева|ёва|ина|ына|ского|цкого|ской|цкой|енко|ко|их|ых|ого)")
RANKS: Final = word_set("street_ranks")


def likeness(words: str) -> int:
    """How likely a street.

    0 none; 1 a name that streets bear, or an adjective of a place; 2 a surname, which may be a person's too; 3 a given
    name in the genitive before a word that nobody knows.
    """
    parts = [part for part in words.lower().split() if not part[0].isdigit() and _SHORTENED.fullmatch(part) is None]
    if not parts:
        return 0
    counted = words[:1].isdigit() and parts[0] in _COUNTED and len(parts) == (2 if parts[0] == "лет" else 1)
    if counted or " ".join(parts) in STREETS:
        return 1
    *lead, last = parts
    if any(word not in RANKS and not _is_given(word) for word in lead):
        return 0
    if lead and lead[0] in RANKS:
        return 1
    if (
        last in STREETS
        or re.sub("(?:ую|ой)$", "ая", last) in STREETS
        or (_ADJECTIVE.fullmatch(last) and read(last).surname < 0.5 and read(last).part in ("", "ADJF"))
    ):
        return 1
    if _OF_SOMEBODY.fullmatch(last) and read(last).surname > 0.03:
        return 2
    return 3 if lead and lead[-1][-1] in "аяыи" and last[-1] in "аяиыо" else 0


def _is_given(word: str) -> bool:
    """`Розы Люксембург`, `Ивана Франко`."""
    return read(word).first > 0.3 and read(word).common < 0.9
