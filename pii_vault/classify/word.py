# ruff: noqa: PLR2004  weights
"""One word of a text, read; and whether the text says outright that it is a name."""

import re
from dataclasses import dataclass
from typing import Final

from pii_vault.classify.morph import SURNAME, Reading, read
from pii_vault.classify.spans import MASKED
from pii_vault.classify.words import word_set

# Letters of Kazakh, Tatar, Ukrainian and their neighbours, folded into those that the dictionaries know.
_FOLDED: Final = str.maketrans("әғқңөұүһіїєґўҳҷӣӯ", "агкноуухииегухжиу")
_OTHER = "ӘәҒғҚқҢңӨөҰұҮүҺһІіЇїЄєҐґЎўҲҳҶҷӢӣӮӯ"
WORD: Final = re.compile(rf"[А-ЯЁа-яё{_OTHER}]+(?:[-'’][А-ЯЁа-яё{_OTHER}]+)*|[A-Za-z]+(?:['’-][A-Za-z]+)*")
_NO_SURNAME: Final = word_set("no_surname")
_SURNAME_TOLD = re.compile(
    r"(?<!\w)(?:фамили(?:я|ю|и|ей|ию)(?:\s+(?:моя|мужа|жены|получателя|клиента))?|(?:меня|его|её|ее)\s(?:зовут|звать))"
    r"\s*(?:[:=—–-]\s*)?$",
    re.IGNORECASE,
)
_ROLE = re.compile(
    r"(?<!\w)(?:кассир|кладовщик|сборщик|упаковщик|водитель|курьер|мастер|бухгалтер|исполнитель|менеджер|продавец|принял\w?|сдал\w?"
    r"|выдал\w?|проверил\w?)\s*[:—–-]\s*$",
    re.IGNORECASE,
)
# `Татьянин день`, `до Татьянина дня`; but `Никитина днём не было`, `Ильин день не отвечает`, `Седова день в день`.
_FEAST: Final = re.compile(
    r" (?P<day>день|дня|дню|дн[её]м)(?!\w)(?!\s+(?:рожд|в день|не(?!\w)|дв|тр|\d))", re.IGNORECASE
)
_OF_DAY: Final = {"день": "", "дня": "а", "дню": "у", "днём": "ым", "днем": "ым"}  # how the other word ends with it
_ASKED: Final = re.compile(r"(?<!\w)(?:спрос\w+|позов\w+|позвать|набер\w+)$", re.IGNORECASE)


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


def word_of(match: re.Match[str]) -> Word:
    """A match of WORD, read."""
    low = match[0].lower().translate(_FOLDED)
    reading = read(low)
    if "-" in low and not reading.first and not reading.surname:
        parts = [read(part) for part in low.split("-")]
        both = re.match(r"[А-ЯЁ][а-яё]+-[А-ЯЁ]", match[0]) is not None
        if (any if both else all)(part.surname > 0.3 or part.first > 0.5 for part in parts):
            reading = max(parts, key=lambda part: part.first + part.surname)
    return Word(match.start(), match.end(), match[0], low, reading, match[0][0].isupper())


def is_told(text: str, word: Word) -> bool:
    """`фамилия гуляй`, `на фамилию Штольц`, `меня зовут мишка`: the very next word, the last of its phrase."""
    told = _SURNAME_TOLD.search(text[max(0, word.start - 30) : word.start])
    if told is None or word.low in _NO_SURNAME or word.low.endswith("те") or word.reading.part == "INFN":
        return False
    if word.capital:
        return True
    if told[0][:1].lower() != "ф" and word.reading.part != "NOUN":
        return False
    ends = re.match(r"\s*(?:$|[.,;!?()\n\ufffc]|(?:и|имя|зовут|заказ\w*|отчество|а)\s)", text[word.end : word.end + 12])
    return ends is not None or not word.reading.known


def fills_role(text: str, word: Word) -> bool:
    """`Кассир: Нечай`: a word that no dictionary knows, after who it is."""
    role = _ROLE.search(text, max(0, word.start - 24), word.start) is not None
    return role and word.capital and (not word.reading.known or word.surname > 0.03)


def is_feast(text: str, word: Word) -> bool:
    """What agrees with the day and is made of a given name, as surnames of that form are not or do not."""
    day = _FEAST.match(text, word.end)
    if day is None:
        return False
    whose = re.fullmatch(rf"([а-яё]{{2,}})ин{_OF_DAY[day['day'].lower()]}", word.low)
    return whose is not None and any(read(whose[1] + ending).first > 0.3 for ending in "ая")


def signs(text: str, word: Word) -> bool:
    """`… по собственному желанию. Ершов`: the last word of all."""
    return SURNAME.fullmatch(word.low) is not None and word.start > 0 and not text[word.end :].strip(" .\n")


def is_asked_for(text: str, word: Word) -> bool:
    """`спросить надежду`; and `8 916 … надежда`, alone beside a value."""
    lead, after = text[: word.start].rstrip(" ,-—"), text[word.end :].strip(" .!")
    return _ASKED.search(lead[-12:]) is not None or (lead.endswith(MASKED) and not after)
