# ruff: noqa: PLR2004  the figures are the formats themselves
"""Numbers said aloud: `восемь девятьсот шестнадцать …` as a recogniser of speech writes them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_ONES = ["ноль", "один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять"]
_ONES_OTHER = {"нуль": 0, "одна": 1, "две": 2, "ноля": 0, "раз": 1}
_TEENS = [
    "десять",
    "одиннадцать",
    "двенадцать",
    "тринадцать",
    "четырнадцать",
    "пятнадцать",
    "шестнадцать",
    "семнадцать",
    "восемнадцать",
    "девятнадцать",
]
_TENS = ["двадцать", "тридцать", "сорок", "пятьдесят", "шестьдесят", "семьдесят", "восемьдесят", "девяносто"]
_HUNDREDS = ["сто", "двести", "триста", "четыреста", "пятьсот", "шестьсот", "семьсот", "восемьсот", "девятьсот"]
WORDS: Final[dict[str, int]] = (
    {word: at for at, word in enumerate(_ONES)}
    | _ONES_OTHER
    | {word: at + 10 for at, word in enumerate(_TEENS)}
    | {word: at * 10 + 20 for at, word in enumerate(_TENS)}
    | {word: at * 100 + 100 for at, word in enumerate(_HUNDREDS)}
    | {"шейсят": 60, "писят": 50, "восемьсят": 80, "пятьдесять": 50, "шестьдесять": 60, "тыща": 1000}
)
NUMBER: Final = rf"(?:{'|'.join(sorted((w for w in WORDS if w != 'раз'), key=len, reverse=True))})"
_PIECE = rf"(?:{NUMBER}(?![а-яё])|\d{{1,4}}(?!\d))"
_RUN = re.compile(rf"(?<![а-яё\d])(?:плюс\s+)?{_PIECE}(?:(?:[\s,.\-]+|\s*номер\s+|\s+и\s+){_PIECE})+", re.IGNORECASE)
_FIGURES_FIRST = re.compile(r"\d+[\s,.\-]+")
_WORD = re.compile(rf"{NUMBER}(?![а-яё])|\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Said:
    """A run of numbers: where it stands and the digits one would write."""

    start: int
    end: int
    digits: str
    in_words: bool


def said(text: str) -> Iterator[Said]:
    """Every run of two or more numbers of which at least three are in words, and its rest after leading figures."""
    for run in _RUN.finditer(text):
        pieces = [piece[0].lower() for piece in _WORD.finditer(run[0])]
        worded = sum(not piece[0].isdigit() for piece in pieces)
        if worded < 3:
            continue
        yield Said(run.start(), run.end(), _digits(pieces), in_words=True)
        # `заказ 4512, восемь девятьсот …`: without the figures before it, another number.
        figures = _FIGURES_FIRST.match(run[0])
        if figures is not None:
            rest = [piece for at, piece in enumerate(pieces) if at or not piece[0].isdigit()]
            yield Said(run.start() + figures.end(), run.end(), _digits(rest), in_words=True)


def _digits(pieces: list[str]) -> str:
    """Hundreds take the tens and ones that follow, tens take ones: 900 · 16 is 916, 8 · 900 is 8, 900."""
    groups: list[str] = []
    number, room = 0, 0  # room: only what is smaller than this fits into the number begun
    for piece in pieces:
        if piece[0].isdigit():
            if room:
                groups.append(str(number))
            groups.append(piece)
            room = 0
            continue
        value = WORDS[piece]
        if room and 0 < value < room:
            number += value
        else:
            if room:
                groups.append(str(number))
            number = value
        room = 100 if value >= 100 else 10 if value >= 20 else 1
    if room:
        groups.append(str(number))
    return "".join(groups)
