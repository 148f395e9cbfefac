# ruff: noqa: C901, PLR0911, PLR2004  one question after another, and their weights
"""Names of persons by rules: what the words can be, how they stand together, and what stands beside them.

Made for chats and notes, where the recogniser of natasha, trained on news, is weak: names in lower case, short forms,
initials, surnames alone. What that recogniser finds comes in as one more witness (`people`), never as a verdict.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Final

from pii_vault.classify.context import just_before
from pii_vault.classify.initials import find_initials
from pii_vault.classify.morph import SURNAME, is_vocative
from pii_vault.classify.spans import Span
from pii_vault.classify.streets import STREETS
from pii_vault.classify.surroundings import MONTHS, NEVER, TOWNS, Surroundings
from pii_vault.classify.surroundings import STREETS as STREET_WORDS
from pii_vault.classify.word import Word, fills_role, is_asked_for, is_feast, is_told, signs
from pii_vault.classify.words import word_set
from pii_vault.core.transliterate import skeleton

TOWN_PAIRS: Final = word_set("town_pairs")

_DONE_TO: Final = re.compile(
    r"(?<!\w)(?:переда\w*|отда\w*|спасибо|позов\w*|спроси\w*|позвон\w*|набер\w*|свя[зж]\w*\s+со?)\s+$", re.IGNORECASE
)
_LATIN_ENDINGS = ("ov", "ova", "ev", "eva", "in", "ina", "sky", "skii", "skaya", "ko", "uk", "yan")


class _Finder(Surroundings):
    def find(self) -> Iterator[Span]:
        yield from find_initials(self.text, shouting=self.shouting)
        at = 0
        while at < len(self.words):
            taken = self._longest(at)
            if self._is_set_phrase(at):
                at += 2
            elif taken:
                yield Span(self.words[at].start, self._initial_after(self.words[at + taken - 1].end), "name")
                at += taken
            else:
                at += 1

    def _is_set_phrase(self, at: int) -> bool:
        """Two words that are a town, a figure of a tale or a feast, whatever each is alone."""
        pair = self.words[at : at + 2]
        if len(pair) < 2:
            return False
        return is_feast(self.text, pair[0]) or " ".join(word.low for word in pair) in TOWN_PAIRS

    def _longest(self, at: int) -> int:
        for count in (4, 3, 2, 1):
            run = self.words[at : at + count]
            if len(run) == count and self._together(run) and self._is_name(run, at):
                return count
        return 0

    def _together(self, run: Sequence[Word]) -> bool:
        return all(
            0 < right.start - left.end <= 2 and self.text[left.end : right.start].strip(" \u00a0") == ""
            for left, right in pairwise(run)
        )

    def _is_name(self, run: Sequence[Word], at: int) -> bool:
        if any(word.low in MONTHS for word in run) and not self._is_listed_pair(run):
            return False
        if run[0].text.isascii():
            return self._is_latin_name(run, at)
        if (
            any(word.text.isascii() for word in run)
            or self._is_honoured(run)
            or (self._is_thing(run) and not self._called(run))
        ):
            return False
        if len(run) == 1:
            return self._is_single(run[0], at)
        if any(word.patronymic for word in run) and not (len(run) == 2 and self._may_be_patronymic_surname(run[0])):
            return self._has_patronymic(run)
        if self._is_listed_pair(run):
            return True
        if any(
            self._is_title(word) or (word.low in NEVER and not (word.capital and self._called(run))) for word in run
        ):
            return False
        if len(run) == 2:
            return not self._begins_before(run) and self._is_pair(run, at)
        capitals = len(run) == 3 and self._witnessed(run) and all(word.capital for word in run)
        return capitals and not any(word.reading.past_gender for word in run)

    @staticmethod
    def _may_be_patronymic_surname(word: Word) -> bool:
        """`Ляхович Эдуард`: a surname with the ending of a patronymic."""
        return word.patronymic and word.surname >= 0.5

    def _is_listed_pair(self, run: Sequence[Word]) -> bool:
        """`Кудрявцев Ян`, `Живаго Марта`: a sure surname makes a given name of a word that is rarely one."""
        if len(run) != 2 or not all(word.capital for word in run) or self.shouting:
            return False
        return any(
            given.first >= 0.3 and surname.surname >= 0.4 and surname.low not in NEVER and not surname.reading.place
            for given, surname in (run, run[::-1])
        )

    def _has_patronymic(self, run: Sequence[Word]) -> bool:
        """Some order of given name, patronymic and surname, with the name before the patronymic."""
        places = [at for at, word in enumerate(run) if word.patronymic]
        if len(run) == 4:
            return False
        place = places[-1]
        if len(places) > 1 and len(run) == 3:  # a surname such as Абрамович beside a patronymic
            place = next((each for each in places if each > 0 and run[each - 1].first > 0.1), place)
        if place == 0:
            return False
        given = run[place - 1]
        given_fits = given.first > 0.03 or (given.capital and given.reading.part in ("", "NOUN", "PRTS", "ADJS"))
        if not given_fits or self._is_title(given) or (given.low in NEVER and not given.capital):
            return False
        others = [word for each, word in enumerate(run) if each not in (place, place - 1)]
        return all(self._may_be_surname(word, beside=given) for word in others)

    def _may_be_surname(self, word: Word, *, beside: Word) -> bool:
        if len(word.low) == 1 or word.low in NEVER or self._is_title(word):
            return False
        if beside.capital and not word.capital and word.reading.common > 0.5:
            return False
        if word.surname > 0.03 and word.reading.part != "PRTS":
            return True
        if not word.capital and not beside.capital and word.end < beside.start and not word.reading.known:
            return word.reading.part in ("", "NOUN", "ADJF")  # `яхно злата никитична`
        # `ФИО: Гуляй Алла Львовна`; but `Спросите Аллу Львовну` begins a sentence.
        lead = self.text[: word.start].rstrip(' \u00a0"')[-1:]
        inside = word.capital and beside.capital and lead not in ("", ".", "!", "?", "\n", "…", ")")
        if inside and word.reading.part == "VERB" and not word.reading.past_gender:
            return True
        if word.reading.past_gender or word.reading.part in (
            "PRTS",
            "PREP",
            "CONJ",
            "ADVB",
            "NPRO",
            "PRCL",
            "VERB",
            "INFN",
        ):
            return False
        starts = self._starts_sentence(word)
        return word.capital and beside.capital and not (starts and word.reading.common > 0.9 and len(word.low) < 3)

    def _begins_before(self, run: Sequence[Word]) -> bool:
        """`Пришёл Гурген`, `из Ташкента Зулейха`: the first word belongs to the sentence."""
        first = run[0]
        acted = bool(first.reading.past_gender) and not first.any_part
        return acted or (first.reading.place > 0.3 > first.first and just_before(self.text, first.start, TOWNS))

    def _is_pair(self, run: Sequence[Word], at: int) -> bool:
        one, two = run
        for given, surname in ((one, two), (two, one)):
            if given.first <= 0.03 or surname.low in NEVER or self._is_title(surname):
                continue
            both = one.capital and two.capital
            ordinary = not surname.capital and surname.reading.common > 0.9 and surname.surname < 0.3
            famous = surname.capital and self._is_famous(surname.low)
            if (ordinary and given.capital) or (famous and not given.capital):  # `выдан Евдоким`, `слов Инны`
                continue
            if both and surname.surname > 0.03:
                return True
            unlisted = (
                surname.first < 0.5 and not surname.reading.past_gender and surname.reading.part in ("", "NOUN", "ADJF")
            )
            if both and given.first > 0.3 and unlisted and not self._starts_sentence(surname):
                return surname is two or surname.reading.common < 0.9 or self._called(run)
            if both and given.first > 0.3 and surname.low.endswith(("ых", "их")):
                return True
            opening = both and self._starts_sentence(surname) and surname is one and given.first > 0.3
            if opening and (self._called(run) or (self._stands_alone(run) and surname.reading.place == 0)):
                return True
            if not both and surname.surname > 0.3 and given.first > 0.3 and surname.reading.common < 0.9:
                return True
            formed = SURNAME.fullmatch(surname.low) is not None and surname.reading.past_gender == ""
            if not both and given.first >= 0.8 and given.reading.common < 0.35 and formed:
                return True
            if not both and surname.surname > 0.03 and given.first > 0.03 and self._called(run):
                return True
        if all(word.capital for word in run) and self._called(run) and self._open_class(run):
            return not any(word.low in NEVER for word in run)
        del at
        return self._witnessed(run) and all(word.capital for word in run) and any(word.any_part for word in run)

    def _is_single(self, word: Word, at: int) -> bool:
        low, reading = word.low, word.reading
        if len(low) < 2 or self._in_quotes(word) or self._is_abbreviation(word):
            return False
        called, likely = self._called([word]), self._likely(word)
        if len(low) == 2 and not word.capital and not (called or likely or self._verb_agrees(word, at)):  # `ru.ая46`
            return False
        addressed = self._is_addressed(word)
        if low in NEVER:
            sure = called or self._verb_agrees(word, at)
            return word.capital and (sure or (addressed and reading.common < 0.3)) and reading.first > 0.3
        if self._is_street_or_code(word) or (self._names_goods(word) and not called):
            return False
        if is_vocative(low) and addressed:
            return True
        capital = word.capital and not self.shouting
        if word.patronymic:
            return reading.common < 0.5 and (low.endswith(("ыч", "ыча", "ычу", "ычем", "ич")) or capital)
        if reading.first > 0.03 and not (reading.surname > reading.first and reading.first < 0.3):
            if self._is_town_here(word):
                return False
            if capital and not self._starts_sentence(word):
                return reading.first >= 0.3 or called or likely or addressed or self._witnessed([word])
            if capital:
                return (
                    reading.first >= 0.75 or addressed or called
                    or self._verb_agrees(word, at) or self._stands_alone([word])
                )  # fmt: skip
            if reading.first >= 0.6 and reading.common < 0.35:
                return True
            if reading.first >= 0.3 and reading.common < 0.75:
                likely = likely and reading.common < 0.5
                return called or likely or addressed or self._verb_agrees(word, at) or is_asked_for(self.text, word)
            return called or addressed or is_asked_for(self.text, word)
        return self._is_surname_alone(word, at, capital=capital, called=called, likely=likely)

    def _is_surname_alone(self, word: Word, at: int, *, capital: bool, called: bool, likely: bool) -> bool:
        reading, low = word.reading, word.low
        if len(low) < 3:
            return False
        if (self._is_famous(low) and not called) or (not word.capital and self._is_title(word)):
            return False
        if is_told(self.text, word) or (called and word.capital and self._open_class([word])):
            return True
        if fills_role(self.text, word) and self._stands_alone([word]):
            return True
        if reading.surname <= 0.1:
            return capital and likely and self._witnessed([word]) and reading.common < 0.9 and reading.place == 0
        if self._is_town_here(word) or self._is_street_here(word):
            return False
        if reading.place > max(0.5, reading.surname):
            return called
        if reading.place > 0.1 and not (capital and reading.surname >= max(0.7, 2.5 * reading.place)):
            return called or ((likely or self._verb_agrees(word, at)) and (capital or reading.surname >= 0.4))
        if capital and not self._starts_sentence(word):
            return reading.surname >= 0.3 or likely or self._witnessed([word])
        if capital and likely and self._stands_alone([word]) and reading.surname > 0.03:
            return True
        if capital:
            return (reading.surname >= 0.4 or self._witnessed([word])) and (
                self._verb_agrees(word, at)
                or (
                    (reading.common < 0.8 or signs(self.text, word))
                    and (self._stands_alone([word]) or self._conjoined(word, at))
                )
            )
        if reading.surname < 0.1:
            return False
        acts = likely and reading.common < 0.9 and self._verb_agrees(word, at)
        return (
            called
            or self._is_sure_surname(word)
            or (reading.surname >= 0.4 and (acts or (likely and reading.common < 0.3 and reading.place < 0.3)))
        )

    def _is_sure_surname(self, word: Word) -> bool:
        """`жду ответа. смирнова`: in lower case what is nothing but a surname, and bears no street or town here."""
        reading = word.reading
        if reading.place >= 0.2 or not reading.known or SURNAME.fullmatch(word.low) is None or word.low in STREETS:
            return False
        if any(just_before(self.text, word.start, pattern) for pattern in (STREET_WORDS, TOWNS)):
            return False
        told = self._is_aside(word) or _DONE_TO.search(self.text[max(0, word.start - 16) : word.start]) is not None
        least, most = (0.5, 0.45) if told else (0.7, 0.2)
        return reading.surname >= least and reading.common < most

    def _is_latin_name(self, run: Sequence[Word], at: int) -> bool:
        del at
        if len(run) != 2 or not all(word.capital for word in run) or self._is_thing(run):
            return False
        one, two = (skeleton(word.text) for word in run)
        return (one in _latin_names() or two in _latin_names()) and (
            self._called(run) or any(word.low.endswith(_LATIN_ENDINGS) for word in run) or self._witnessed(run)
        )


def find_names(text: str, people: Sequence[tuple[int, int]] = ()) -> list[Span]:
    """Spans of names; `people` are the places where a recogniser saw persons."""
    return list(_Finder(text, people).find())


@cache
def _latin_names() -> frozenset[str]:
    return frozenset(skeleton(name) for name in word_set("familiar"))
