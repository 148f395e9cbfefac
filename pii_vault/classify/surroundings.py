# ruff: noqa: PLR2004  weights and distances
"""What stands around a word that may be a name: a call, a greeting, a verb, quotes, a thing, a street, a town."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pii_vault.classify.context import before, just_before
from pii_vault.classify.morph import Reading, is_vocative, read
from pii_vault.classify.words import word_pattern, word_set

CALLS: Final = word_pattern("calls")
LIKELY: Final = word_pattern("likely")
ADDRESSED: Final = word_pattern("addressed")
THINGS: Final = word_pattern("things")
STREETS: Final = word_pattern("streets")
TOWNS: Final = word_pattern("towns")
FAMOUS: Final = word_set("famous")
MONTHS: Final = word_set("months")

_WORD: Final = re.compile(r"[А-ЯЁа-яё]+(?:[-'][А-ЯЁа-яё]+)*|[A-Za-z]+(?:['-][A-Za-z]+)*")
_STREET_KIND = re.compile(
    r"\s+(?:проспект|улиц|шоссе|бульвар|переул|площад|набережн|проезд|район|област|р-н|обл\.)", re.IGNORECASE
)
_STREET_CASE = re.compile(r"[сц]к(?:ом|ой|ому)$")
_QUOTED = re.compile(r"[«\"“„][^«»\"“”\n]{1,40}[»\"”“]")


@dataclass(frozen=True, slots=True)
class Word:
    start: int
    end: int
    text: str
    low: str
    reading: Reading
    capital: bool

    @property
    def first(self) -> float:
        return self.reading.first

    @property
    def surname(self) -> float:
        return self.reading.surname

    @property
    def patronymic(self) -> bool:
        return self.reading.patronymic >= 0.4 and len(self.low) >= 4

    @property
    def any_part(self) -> bool:
        return self.patronymic or self.first > 0.03 or self.surname > 0.03


class Surroundings:
    """A text as words, and questions about the neighbourhood of some of them."""

    def __init__(self, text: str, people: Sequence[tuple[int, int]]) -> None:
        self.text = text
        self.people = people
        self.words = [self._word(match) for match in _WORD.finditer(text)]
        self.quoted = [match.span() for match in _QUOTED.finditer(text)]
        letters = [char for char in text if char.isalpha()]
        self.shouting = bool(letters) and sum(map(str.isupper, letters)) > 0.6 * len(letters)

    def _word(self, match: re.Match[str]) -> Word:
        low = match[0].lower()
        reading = read(low)
        if "-" in low and not reading.first and not reading.surname:
            parts = [read(part) for part in low.split("-")]
            if all(part.surname > 0.3 or part.first > 0.5 for part in parts):
                reading = parts[-1]
        return Word(match.start(), match.end(), match[0], low, reading, match[0][0].isupper())

    def _initial_after(self, end: int) -> int:
        """`Анастасия Д.`: one capital with a full stop belongs to the name before it."""
        match = re.match(
            r"\s(?:[А-ЯЁ]\.(?:\s?[А-ЯЁ]\.)?|(?i:оглы|оглу|кызы|гызы|угли|улы))(?!\w)", self.text[end : end + 8]
        )
        return end + len(match[0]) if match else end

    def _starts_sentence(self, word: Word) -> bool:
        lead = self.text[: word.start].rstrip(' \t\u00a0«"(—–-/*•')
        return not lead or lead[-1] in ".!?\n…:;"

    def _stands_alone(self, run: Sequence[Word]) -> bool:
        """A line, or what a comma, colon or dash parts from the rest."""
        after = self.text[run[-1].end :].lstrip(" \u00a0")
        return not after or after[0] in ",.!\n;(—–:\ufffc" or bool(re.match(r"[-/|]", after))

    def _in_quotes(self, word: Word) -> bool:
        return any(start < word.start and word.end < end for start, end in self.quoted)

    def _called(self, run: Sequence[Word]) -> bool:
        near = before(self.text, run[0].start, CALLS, 30)
        if near is None:
            return False
        between = self.text[run[0].start - near : run[0].start]
        return re.fullmatch(
            r"[\wа-яё]{0,3}[\s:\-—–.,/]*(?:(?:меня|мою|её|ее|его|просто|можно|клиента|получателя|лицо|курьера|"
            r"по имени|господин|госпожа|на|от|всех|оператор|клиент)[\s:,]*){0,2}", between, re.IGNORECASE
        ) is not None  # fmt: skip

    def _likely(self, word: Word) -> bool:
        near = before(self.text, word.start, LIKELY, 26)
        if near is None:
            return False
        return re.fullmatch(r"[а-яё]{0,7}[\s:,!\-—–]*(?:клиента?|мой|моя|вам?|мне|это|менеджером|большое)?[\s:,]*",
                            self.text[word.start - near : word.start], re.IGNORECASE) is not None  # fmt: skip

    def _is_addressed(self, word: Word) -> bool:
        """`Привет, Юль`, `Роман, когда…`, `спасибо катюша`."""
        after = self.text[word.end :].lstrip(" ")[:1]
        near = before(self.text, word.start, ADDRESSED, 24)
        greeted = near is not None and re.fullmatch(
            r"[а-яё]{0,6}[\s,!.]*(?:вам|большое|огромное|вас|всем)?[\s,!.]*", self.text[word.start - near : word.start],
            re.IGNORECASE,
        ) is not None  # fmt: skip
        opening = self._starts_sentence(word) and after in (",", "!")
        vocative = is_vocative(word.low) and self._starts_sentence(word)
        closing = word.start > 1 and self.text[: word.start].rstrip().endswith(",") and after in ("", "!", "?", ".")
        followed = self._starts_sentence(word) and ADDRESSED.match(self.text[word.end :].lstrip(" ")) is not None
        return greeted or followed or opening or vocative or (closing and word.capital)

    def _verb_agrees(self, word: Word, at: int) -> bool:
        """`Вера просила`, `Звонила Смирнова`: a verb beside it says that it acts."""
        gender = word.reading.name_gender
        for near in (at + 1, at - 1):
            if not 0 <= near < len(self.words):
                continue
            other = self.words[near]
            gap = self.text[min(word.end, other.end) : max(word.start, other.start)]
            if gap.strip(" \u00a0") or not other.reading.past_gender:
                continue
            if not gender or other.reading.past_gender == gender or word.reading.surname > 0.03:
                return True
        return False

    def _conjoined(self, word: Word, at: int) -> bool:
        """`Ткачук и Бондаренко`: two of a kind."""
        if at + 2 >= len(self.words) or self.words[at + 1].low not in ("и", "или"):
            return False
        other = self.words[at + 2]
        return other.capital and (other.surname > 0.03 or other.first > 0.3) and word.capital

    def _is_thing(self, run: Sequence[Word]) -> bool:
        near = before(self.text, run[0].start, THINGS, 22)
        if self._in_quotes(run[0]):
            return True
        if near is None:
            return False
        between = self.text[run[0].start - near : run[0].start]
        return re.fullmatch(r"[а-яё]{0,6}[\s«\"]*(?:[а-яё]{1,9}\s)?[«\"]?", between, re.IGNORECASE) is not None

    def _names_goods(self, word: Word) -> bool:
        """`Ангелина: коллекция обоев`."""
        after = re.match(r"\s*[:\-—–]\s*(\w+)", self.text[word.end :])
        return after is not None and THINGS.match(after[1]) is not None

    def _is_town_here(self, word: Word) -> bool:
        return word.reading.place > 0 and just_before(self.text, word.start, TOWNS)

    def _is_street_here(self, word: Word) -> bool:
        """`на Невском`: an adjective where a street may be named."""
        adjective = word.reading.part == "ADJF" or _STREET_CASE.search(word.low) is not None
        kind = _STREET_KIND.match(self.text, word.end) is not None
        return kind or (adjective and just_before(self.text, word.start, STREETS))

    def _is_abbreviation(self, word: Word) -> bool:
        """`БИК`, `Юр. адрес`, `арт. 55`."""
        after = self.text[word.end : word.end + 3]
        shortened = after[:1] == "." and after[1:].strip()[:1].islower()
        return (word.text.isupper() and len(word.low) < 5 and not self.shouting) or (shortened and len(word.low) < 5)

    def _is_street_or_code(self, word: Word) -> bool:
        """`на Гоголя 15`, `на Мира`, `ВИКТОРИЯ-45`."""
        after = self.text[word.end : word.end + 3]
        if re.match(r"-\d", after):
            return True
        house = re.match(r"\s\d{1,3}\b", self.text[word.end : word.end + 5])
        return just_before(self.text, word.start, STREETS) and (house is not None or word.reading.common > 0.5)

    @staticmethod
    def _is_title(word: Word) -> bool:
        """`Водитель`, `Тётя`: they say who, and are no part of the name."""
        return (
            word.surname < 0.3
            and word.first < 0.3
            and any(pattern.match(word.text) is not None for pattern in (LIKELY, CALLS, THINGS))
        )

    @staticmethod
    def _is_famous(low: str) -> bool:
        return any(low.startswith(name[:-1]) and len(low) - len(name) <= 3 for name in FAMOUS)

    def _witnessed(self, run: Sequence[Word]) -> bool:
        return any(start <= run[0].start and run[-1].end <= end for start, end in self.people)

    def _open_class(self, run: Sequence[Word]) -> bool:
        return all(self._open_reading(word.reading) for word in run)

    @staticmethod
    def _open_reading(reading: Reading) -> bool:
        return not reading.past_gender and reading.part not in (
            "PREP", "CONJ", "ADVB", "NPRO", "PRCL", "VERB", "INFN", "NUMR", "INTJ", "PRED", "COMP", "GRND",
        )  # fmt: skip
