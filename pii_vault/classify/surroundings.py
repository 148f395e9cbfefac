# ruff: noqa: PLR2004  weights and distances
"""What stands around a word that may be a name: a call, a greeting, a verb, quotes, a thing, a street, a town."""

import re
from collections.abc import Sequence
from typing import Final

from pii_vault.classify.context import before, just_before
from pii_vault.classify.morph import Reading, is_vocative, read
from pii_vault.classify.streets import RANKS
from pii_vault.classify.streets import STREETS as STREET_NAMES
from pii_vault.classify.word import WORD, Word, word_of
from pii_vault.classify.words import word_pattern, word_set

CALLS: Final = word_pattern("calls")
LIKELY: Final = word_pattern("likely")
ADDRESSED: Final = word_pattern("addressed")
THINGS: Final = word_pattern("things")
STREETS: Final = word_pattern("streets")
TOWNS: Final = word_pattern("towns")
FAMOUS: Final = word_set("famous")
ACTS: Final = word_set("acts")
MONTHS: Final = word_set("months")
NEVER: Final = word_set("never")

_STREET_KIND = re.compile(
    r"\s+(?:проспект|улиц|шоссе|бульвар|переул|площад|набережн|проезд|район|област|р-н|обл\.)", re.IGNORECASE
)
_STREET_CASE = re.compile(r"[сц]к(?:ом|ой|ому)$")
_SPEECH = 4  # blanks
_ANIMAL = re.compile(
    r"\s*[,(—–-]\s*(?:(?:это|наш|наша|мой|моя|мою|нашего)\s+)?(?:кот|кошк|пёс|пес|собак|щен|попуга|хомяк|кролик|лошад)",
    re.IGNORECASE,
)
_CUT_SHORT = re.compile(r"(?:^|[\s.(])[а-яё]{1,3}\.$")  # `т.к.`, `тел.`: no sentence ends here
_NAMED_AFTER = re.compile(
    r"(?<!по )(?<!от )(?<!его )(?<!её )(?<!\w)(?:им\.?|имени|академика|маршала|адмирала)\s*$", re.IGNORECASE
)
_PRESENT = re.compile(r"(?:[её]т|ит)(?:ся)?$")
_TURNED = re.compile(  # `свет ты где`, and not `свет в витрине мигает`
    r"\s+(?:ты|вы|а|ну|привет|здравст|скинь|глянь|дай|напиши|позвони|ответь|посмотри|подскажи|спасибо|можешь|когда|как|там)",
    re.IGNORECASE,
)
_TOWN_FIELD = re.compile(r"(?<!\w)(?:город|г|насел[её]нный пункт|регион)\s*[:=—–-]", re.IGNORECASE)
_SETTLEMENT = re.compile(r"(?<!\w)(?:п|с|д|х|ст|пос|дер|пгт|рп|клх)\.\s?$")  # `в п. Челюскин`
_OF_FIRM = re.compile(  # `директору магазина от Седовой`, `контрагент ИП Седов`: a person after a firm
    r"(?<!\w)(?:магазин|салон|компани|фирм|студи|клиник|аптек|ателье|поставщик|контрагент)\w{0,3}\s+(?:от|для|ип)\s+$",
    re.IGNORECASE,
)
_FIRM = re.compile(r"(?<!\w)(?:ООО|[ОЗП]?АО|НПО|НКО|ТД|ТК|ТОО|ПК|АНО|фирм\w|компани\w)\s*$")
_PARTNERS = re.compile(  # and kings: `Екатерина II`
    r"\s+(?:и|&)\s+(?:партн[её]р|сыновья|ко(?!\w)|компания)|\s(?-i:[IVX]{1,4})(?!\w)", re.IGNORECASE
)
_ON_STREET = re.compile(r"(?<!\w)(?:на|по|возле|около)(?!\w)", re.IGNORECASE)
_ONE_MORE = re.compile(THINGS.pattern + r"[а-яё]{0,6}\s[«\"]?[А-ЯЁа-яё-]{2,20}[»\"]?\s+и\s+[«\"]?$", re.IGNORECASE)
_WAS = frozenset({"был", "была", "было"})  # `надежда была`: whatever is, is
_QUOTED = re.compile(r"[«\"“„][^«»\"“”\n]{1,40}[»\"”“]")


def _is_speech(quoted: str) -> bool:
    """What somebody says or writes, and no title."""
    return quoted.count(" ") >= _SPEECH or ", " in quoted


class Surroundings:
    """A text as words, and questions about the neighbourhood of some of them."""

    def __init__(self, text: str, people: Sequence[tuple[int, int]]) -> None:
        self.text = text
        self.people = people
        self.words = [word_of(match) for match in WORD.finditer(text)]
        self.quoted = [
            match.span()
            for match in _QUOTED.finditer(text)
            if not _is_speech(match[0]) or _FIRM.search(text, max(0, match.start() - 12), match.start())
        ]
        letters = [char for char in text if char.isalpha()]
        self.shouting = bool(letters) and sum(map(str.isupper, letters)) > 0.6 * len(letters)

    def _initial_after(self, end: int) -> int:
        """`Анастасия Д.`, `анастасия д.`: one letter with a full stop belongs to the name before it."""
        match = re.match(
            r"\s(?:[А-ЯЁ]\.(?:\s?[А-ЯЁ]\.)?|(?i:оглы|оглу|кызы|кизи|гызы|угли|улы|уулу))(?!\w)",
            self.text[end : end + 8],
        )
        if match is None and self.text[end - 1 : end].islower():
            match = re.match(r"\s[а-яё]\.(?=\s*(?:[,;\n)]|$))", self.text[end : end + 8])
        return end + len(match[0]) if match else end

    def _starts_sentence(self, word: Word) -> bool:
        lead = self.text[: word.start].rstrip(' \t\u00a0«"(—–-/*•')
        return not lead or (lead[-1] in ".!?\n…:;" and _CUT_SHORT.search(lead) is None)

    def _stands_alone(self, run: Sequence[Word]) -> bool:
        """A line, or what a comma, colon or dash parts from the rest."""
        after = self.text[run[-1].end :].lstrip(" \u00a0")
        return not after or after[0] in ",.!\n\t;(—–:\ufffc" or bool(re.match(r"[-/|]", after))

    def _is_aside(self, word: Word) -> bool:
        """Parted from the rest on both sides, as `соколов` in `заказ 12 — соколов, самовывоз`."""
        lead = self.text[: word.start].rstrip(" \u00a0")[-1:]
        return self._stands_alone([word]) and (not lead or lead in ",.;:!?—–(\n\t|/\ufffc")

    def _in_quotes(self, word: Word) -> bool:
        return any(start < word.start and word.end < end for start, end in self.quoted)

    def _is_cell(self, run: Sequence[Word]) -> bool:
        """`"Анна Седова" <…>`, `"Седова Анна Львовна","…`: in quotes because a program wrote it so."""
        text, start, end = self.text, run[0].start, run[-1].end
        if text[start - 1 : start] != '"' or text[end : end + 1] != '"':
            return False
        before_it, after_it = text[: start - 1].rstrip(" ")[-1:], text[end + 1 : end + 3].lstrip(" ")[:1]
        in_record = (not before_it or before_it in "\n,;:[{|\t") and (not after_it or after_it in "\n,;|}]\t")
        return (len(run) > 1 and after_it == "<") or in_record

    def _called(self, run: Sequence[Word]) -> bool:
        near = before(self.text, run[0].start, CALLS, 30)
        if near is None:
            return False
        between = self.text[run[0].start - near : run[0].start]
        return re.fullmatch(
            r"[\wа-яё]{0,3}[\s:\-—–.,/\"=]*(?:(?:у меня|меня|мою|моя|моё|мой|её|ее|его|просто|можно|клиента|получателя|"
            r"лицо|курьера|по имени|господин|госпожа|на|от|всех|оператор|клиент)[\s:,]*){0,2}", between, re.IGNORECASE
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
        turned = (
            word.reading.common < 0.5 or after in ("", ",", "!", "?") or _TURNED.match(self.text, word.end) is not None
        )
        vocative = turned and is_vocative(word.low) and self._starts_sentence(word)
        closing = word.start > 1 and self.text[: word.start].rstrip().endswith(",") and after in ("", "!", "?", ".")
        followed = self._starts_sentence(word) and ADDRESSED.match(self.text[word.end :].lstrip(" ")) is not None
        return greeted or followed or opening or vocative or (closing and word.capital)

    def _verb_agrees(self, word: Word, at: int) -> bool:
        """`Вера просила`, `Звонила Смирнова`: a verb beside it says that it acts."""
        gender = word.reading.name_gender
        if at + 1 < len(self.words) and self.words[at + 1].low in ACTS and self._touch(word, self.words[at + 1]):
            return True
        nearest = at + 1
        while nearest < min(at + 4, len(self.words)) and self._is_adverb(self.words[nearest]):
            nearest += 1
        for near in (nearest, at - 1):
            if not 0 <= near < len(self.words):
                continue
            other = self.words[near]
            if near > at and word.surname >= 0.4 and self._acts_now(word, other):
                return True
            if not self._may_act(word, other, at, near) or not other.reading.past_gender or other.low in _WAS:
                continue
            if not gender or other.reading.past_gender == gender or word.reading.surname > 0.03:
                return True
        return False

    @staticmethod
    def _is_adverb(other: Word) -> bool:
        return other.low == "не" or (not other.capital and other.reading.part in ("ADVB", "PRCL"))

    def _may_act(self, word: Word, other: Word, at: int, near: int) -> bool:
        """Nothing but adverbs between: `Седов уже дважды не забрал`."""
        between = self.words[min(at, near) + 1 : max(at, near)]
        gap = self.text[min(word.end, other.end) : max(word.start, other.start)]
        plain = gap.replace("\u00a0", " ").split() == [each.text for each in between]
        return plain and all(map(self._is_adverb, between))

    def _acts_now(self, word: Word, other: Word) -> bool:
        """`Смирнов не отвечает`, `Белова просит`."""
        gap = self.text[word.end : other.start].strip(" \u00a0").lower()
        return gap in ("", "не") and other.reading.part == "VERB" and _PRESENT.search(other.low) is not None

    def _touch(self, left: Word, right: Word) -> bool:
        return not self.text[left.end : right.start].strip(" \u00a0")

    def _conjoined(self, word: Word, at: int) -> bool:
        """`Ткачук и Бондаренко`: two of a kind."""
        if at + 2 >= len(self.words) or self.words[at + 1].low not in ("и", "или"):
            return False
        other = self.words[at + 2]
        return other.capital and (other.surname > 0.03 or other.first > 0.3) and word.capital

    def _is_thing(self, run: Sequence[Word]) -> bool:
        if self._in_quotes(run[0]):
            return not self._is_cell(run)
        near = before(self.text, run[0].start, THINGS, 22)
        between = "" if near is None else self.text[run[0].start - near : run[0].start]
        beside = (
            re.fullmatch(
                r"[а-яё]{0,6}\.?[\s«\"]*(?:[а-яё]{1,9}\s)?[«\"]?",
                between,
                re.IGNORECASE,
            )
            is not None
        )
        firm = _OF_FIRM.search(self.text, max(0, run[0].start - 30), run[0].start) is not None
        return (near is not None and beside and not firm) or self._is_one_more_thing(run)

    def _is_one_more_thing(self, run: Sequence[Word]) -> bool:
        """`клубника Виктория и Елизавета`: a second name of the same goods."""
        start = run[0].start
        joined = self.text[max(0, start - 4) : start].rstrip('«" ').endswith(" и")
        return joined and _ONE_MORE.search(self.text, max(0, start - 60), start) is not None

    def _is_honoured(self, run: Sequence[Word]) -> bool:
        """`Больница имени Боткина`, `с Розы Люксембург улицы`, `Академика Королёва 8`: no persons."""
        if run[0].low in RANKS or (len(run) > 1 and _STREET_KIND.match(self.text, run[-1].end) is not None):
            return True
        return _NAMED_AFTER.search(self.text, max(0, run[0].start - 20), run[0].start) is not None

    def _names_goods(self, word: Word) -> bool:
        """`Ангелина: коллекция обоев`, `Гарри, наш кот`, `Седов и партнёры`."""
        if _ANIMAL.match(self.text, word.end) is not None or _PARTNERS.match(self.text, word.end):
            return True
        after = re.match(r"\s*[:\-—–]\s*(\w+)", self.text[word.end :])
        return after is not None and THINGS.match(after[1]) is not None

    def _is_town_here(self, word: Word) -> bool:
        if _SETTLEMENT.search(self.text, max(0, word.start - 6), word.start) is not None:
            return True
        return word.reading.place > 0 and (
            just_before(self.text, word.start, _TOWN_FIELD)
            or just_before(self.text, word.start, TOWNS)
            or self._follows_town(word)
        )

    def _follows_town(self, word: Word) -> bool:
        """`в Мурманск, Киров и Королёв`: one more of a list of towns."""
        lead = re.search(
            r"([А-ЯЁ][А-ЯЁа-яё\-]+)(?:,\s+(?:(?:потом|затем|далее)\s)?|\s+и\s+)$",
            self.text[max(0, word.start - 40) : word.start],
        )
        return lead is not None and read(lead[1].lower()).place > 0.3

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
        if re.match(r"-\d", after) or (word.low in STREET_NAMES and just_before(self.text, word.start, _ON_STREET)):
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
        return all(self.open_reading(word.reading) for word in run)

    @staticmethod
    def open_reading(reading: Reading) -> bool:
        return not reading.known or (not reading.past_gender and reading.part not in (
            "PREP", "CONJ", "ADVB", "NPRO", "PRCL", "VERB", "INFN", "NUMR", "INTJ", "PRED", "COMP", "GRND",
        ))  # fmt: skip
