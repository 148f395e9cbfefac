# ruff: noqa: PLR2004  weights
"""What a Russian word can be: a name, a patronymic, a surname, a place, or something else.

From pymorphy3 with the OpenCorpora dictionary, natasha's list of given names for those it lacks (loaded once, on
first use), and endings for the rest. A word may be several things; weights say how likely each is.
"""

import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Final

from pii_vault.classify.words import word_set

_PATRONYMIC: Final = re.compile(
    r"[а-яё]{2,}(?:(?:ов|ев|ёв)(?:ич(?:а|у|ем|е)?|н(?:а|ы|е|у|ой|ою))|(?:ин)?ичн(?:а|ы|е|у|ой|ою)|"
    r"(?:[иь]ич|ыч)(?:а|у|ем|е)?|(?:оглы|кызы))"
)
SURNAME: Final = re.compile(
    r"[а-яё]{2,}(?:(?:ов|ев|ёв|ин|ын)(?:а|у|ым|е|ой|ы|ых|ыми)?|(?:ск|цк)(?:ий|ого|ому|им|ом|ая|ой|ую)|[ёе]нко|"
    r"[а-яё](?:ук|юк|чук)(?:а|у|ом|е)?|(?:дзе|швили|[ая]н(?:а|у|ом|е)?|иани|заде)|(?:ович|евич)(?:а|у|ем|е)?|ых|их)"
)
_DIMINUTIVE: Final = re.compile(
    r"(?:тан|кат|ол|ал|лен|свет|нат|наст|мар|лю[бд]|ир|ан|юл|окс|ди[мн]|сер[её]ж|андр|вов|коль?|пет|паш|леш|миш|саш|ван|вит|"
    r"вер|над|гал|ден|жен|зин|крис|ксю|лид|лар|соф|сон|там|том|рит|дар|маш|даш|наташ)"
    r"(?:юш|юх|ечк|очк|еньк|юшк|ушк|ош|уш|ун|уль|юс|ян|яш|икк?)(?:[аяеиуюы]|ой|ей)?"
)
_VOCATIVES: Final = word_set("vocatives")
_COMMON_NAMES: Final = word_set("common_names")
_MORE: Final = word_set("more_names")
_STRONG: Final = word_set("strong_names")
_FAMILIAR: Final = word_set("familiar")
_FAIR: Final = word_set("fair_names")
_WORDS: Final = word_set("word_names")
_MORE_SURNAMES: Final = word_set("more_surnames")
_TOWN_WORDS: Final = word_set("town_words")
_ENDINGS = re.compile(r"(?:ою|ею|ой|ей|ом|ем|ам|ям|а|я|ы|и|е|у|ю)$")


@dataclass(frozen=True, slots=True)
class Reading:
    """How likely a word is each of these, from 0 to 1, and what else it is."""

    first: float
    patronymic: float
    surname: float
    place: float
    common: float  # an ordinary word
    part: str  # of speech, of the likeliest ordinary reading
    past_gender: str  # of a verb in the past: masc, femn, or nothing
    name_gender: str
    known: bool = True  # in the dictionary; else part and gender are a guess from the ending


_NOTHING: Final = Reading(0, 0, 0, 0, 1, "", "", "")


@cache
def _analyser() -> Any:
    import pymorphy3  # noqa: PLC0415  fifteen megabytes, and only who classifies needs them

    return pymorphy3.MorphAnalyzer(lang="ru")


@cache
def given_names() -> frozenset[str]:
    """Given names in the nominative, lower case, ё as е."""
    content = resources.files("natasha").joinpath("data", "dict", "first.txt").read_text("utf-8")
    listed = {line.strip().lower().replace("ё", "е") for line in content.splitlines()}
    return frozenset(listed | {word.replace("ё", "е") for word in _MORE})


@cache
def _surnames() -> frozenset[str]:
    """Surnames of men and women in the nominative, lower case, ё as е; a good many are ordinary words too."""
    content = resources.files("natasha").joinpath("data", "dict", "last.txt").read_text("utf-8")
    return frozenset(content.lower().replace("ё", "е").split())


def _is_surname(word: str) -> bool:
    plain = word.replace("ё", "е")
    return plain in _surnames() or _ENDINGS.sub("", plain) in _surnames()


def is_listed(word: str) -> bool:
    """Whether a lower-case word, or its stem with another ending, is in the list of given names."""
    plain = word.replace("ё", "е")
    names = given_names()
    if plain in names:
        return True
    stem = _ENDINGS.sub("", plain)
    return len(stem) >= 3 and stem != plain and any(stem + ending in names for ending in ("", "а", "я", "й", "ь"))


@lru_cache(maxsize=65536)
def read(word: str) -> Reading:
    """The reading of a lower-case word."""
    if not word or not ("а" <= word[0] <= "я" or word[0] == "ё"):
        return _NOTHING
    known = bool(_analyser().word_is_known(word))
    parsed = _parsed(word)
    if not known:
        # A guess from the ending alone says little: токеном is not a person.
        parsed = replace(
            parsed,
            first=min(parsed.first, 0.25),
            surname=min(parsed.surname, 0.1),
            common=min(parsed.common, 0.3),
            known=False,
        )
    first, common = _as_given_name(word, parsed, known=known)
    patronymic = parsed.patronymic
    if _PATRONYMIC.fullmatch(word) and (not known or patronymic):
        patronymic = max(patronymic, 0.8)
    surname = _as_surname(word, parsed, known=known)
    return replace(parsed, first=first, common=common, patronymic=patronymic, surname=surname)


def _parsed(word: str) -> Reading:
    """What the dictionary, or its guess from the ending, says."""
    weights = dict.fromkeys(("Name", "Patr", "Surn", "Geox"), 0.0)
    common, part, past, gender = 0.0, "", "", ""
    for parse in _analyser().parse(word):
        tag = parse.tag
        kind = next((each for each in weights if each in tag), None)
        if kind is not None:
            weights[kind] += parse.score
            gender = gender or (str(tag.gender) if kind != "Geox" and "ms-f" not in tag else "")
        else:
            common += parse.score
            part = part or str(tag.POS or "")
        if tag.POS == "VERB" and tag.tense == "past" and tag.number == "sing":
            past = past or str(tag.gender)
    return Reading(weights["Name"], weights["Patr"], weights["Surn"], weights["Geox"], common, part, past, gender)


def _as_given_name(word: str, parsed: Reading, *, known: bool) -> tuple[float, float]:
    """How likely a given name, and how likely an ordinary word, after the lists."""
    first, common = parsed.first, parsed.common
    if word in _STRONG:
        return 1.0, min(common, 0.1)
    if word in _MORE or (not known and is_listed(word)):
        first = max(first, 0.8)
    if word in _COMMON_NAMES:
        first = max(first, 0.4)
    if not known and not first > 0.3 and is_misspelt(word):
        first = 0.35
    if not known and _DIMINUTIVE.fullmatch(word):
        first = max(first, 0.7)
    if word in _WORDS:
        return first, max(common, 0.5)
    return (max(first, 0.6), min(common, 0.4)) if word in _FAIR else (first, common)


def _as_surname(word: str, parsed: Reading, *, known: bool) -> float:
    formed = SURNAME.fullmatch(word) is not None
    surname = parsed.surname
    if formed and (surname or not known):
        surname = max(surname, 0.5 if known else 0.7)
    if word in _MORE_SURNAMES:
        return max(surname, 0.2)
    if surname >= 0.4 or len(word) < 4 or parsed.part not in ("", "NOUN", "ADJF", "ADJS"):
        return surname
    # An ordinary word as well: little, so that a given name or a capital has to stand by it.
    listed = _is_surname(word)
    least = (0.15 if parsed.common > 0.9 else 0.4) if formed and listed else 0.05 * (formed or listed)
    return max(surname, least)


def is_misspelt(word: str) -> bool:
    """Whether one letter too many, too few, wrong or out of place makes it a familiar given name."""
    return len(word) >= 5 and not _variants(word.replace("ё", "е")).isdisjoint(_misspellings())


@cache
def _misspellings() -> frozenset[str]:
    return frozenset().union(*(_variants(name.replace("ё", "е")) for name in _FAMILIAR if len(name) >= 5))


def _variants(word: str) -> frozenset[str]:
    """The word, and all that is left of it when one letter goes."""
    return frozenset({word, *(word[:at] + word[at + 1 :] for at in range(len(word)))})


def is_vocative(word: str) -> bool:
    """Short forms people are called by (`Наташ`, `Вань`); many are other words too, so only where one is addressed."""
    return word in _VOCATIVES


def is_town(words: str) -> bool:
    """Whether a name can be that of a place."""
    parts = words.lower().replace("ё", "е").split()
    return words.lower() in _TOWN_WORDS or any(read(part).place > 0 for part in parts)
