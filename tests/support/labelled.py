"""Reads tests/vectors/classify: texts with the places of personal data, slots filled by seeded persons."""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

FOLDER: Final = Path("tests/vectors/classify")
Span = tuple[int, int, str]
_LABEL = re.compile(r"\[([a-z_]+):([^\]]*)\]")
_SLOT = re.compile(r"\[([a-z_.]+)\]")


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text and where personal data stand in it."""

    text: str
    spans: tuple[Span, ...]


def texts(name: str) -> list[Labelled]:
    """All texts of a file: `dev`, `held_out`, `apart`, `mixed`, `mixed_held_out` or `loose`."""
    return list(_read(name))


def _read(name: str) -> Iterator[Labelled]:
    persons = PERSONS.get(name, DEV)  # a file without slots needs none
    for number, line in enumerate((FOLDER / f"{name}.txt").read_text("utf-8").splitlines()):
        if not line.strip() or line.startswith("#"):
            continue
        count, marked = (int(line[1]), line[3:]) if line[0] == "@" and line[1].isdigit() else (1, line)
        for copy in range(count):
            draw = random.Random(f"{name} {number} {copy}")
            yield _parse(_SLOT.sub(partial(_filled, draw, persons), marked))


def _parse(marked: str) -> Labelled:
    text, spans, at = "", [], 0
    marked = marked.replace("\\n", "\n")
    for label in _LABEL.finditer(marked):
        text += marked[at : label.start()]
        spans.append((len(text), len(text) + len(label[2]), label[1]))
        text += label[2]
        at = label.end()
    return Labelled(text + marked[at:], tuple(spans))


@dataclass(frozen=True, slots=True)
class _Persons:
    men: tuple[str, ...]
    women: tuple[str, ...]
    surnames: tuple[str, ...]  # of men; women's add -а
    fathers: tuple[str, ...]  # patronymics of men
    streets: tuple[str, ...]
    towns: tuple[str, ...]


DEV = _Persons(
    ("Иван", "Артур", "Николай", "Тимофей", "Роберт", "Евгений"),
    ("Наталья", "Жанна", "Ирина", "Анжелика", "Полина", "Маргарита"),
    ("Седов", "Крючков", "Латыпов", "Гаврилин", "Пантелеев", "Чугунов", "Овсянников"),
    ("Андреевич", "Ильич", "Тагирович", "Львович", "Фёдорович"),
    ("Заводская", "Пушкина", "Маяковского", "Береговая", "40 лет Победы"),
    ("Тула", "Псков", "Набережные Челны", "Орёл"),
)
HELD_OUT = _Persons(
    ("Богдан", "Эмиль", "Святослав", "Пётр", "Назар", "Семён"),
    ("Злата", "Римма", "Аида", "Варвара", "Ульяна", "Снежана"),
    ("Хрипунов", "Валеев", "Косицын", "Брагин", "Дудаев", "Ячменёв", "Шаповалов"),
    ("Глебович", "Рустамович", "Захарович", "Кузьмич", "Аркадьевич"),
    ("Вокзальная", "Достоевского", "Щорса", "1-я Линия", "Академика Королёва"),
    ("Кострома", "Йошкар-Ола", "Чита", "Старый Оскол"),
)
APART = _Persons(
    ("Захар", "Ренат", "Мирон", "Вячеслав", "Савелий", "Георгий"),
    ("Лидия", "Инесса", "Карина", "Василиса", "Стефания", "Диляра"),
    ("Бессонов", "Шарипов", "Лукин", "Терехов", "Якушев", "Долгополов", "Муравьёв"),
    ("Петрович", "Маратович", "Игоревич", "Никитич", "Геннадьевич"),
    ("Плеханова", "Лесопарковая", "Менделеева", "2-я Кольцевая", "Героев Труда"),
    ("Пенза", "Улан-Удэ", "Ржев", "Великий Новгород"),
)
PERSONS: Final = {"dev": DEV, "held_out": HELD_OUT, "apart": APART}


def _filled(draw: random.Random, persons: _Persons, found: re.Match[str]) -> str:
    return _fill(found[1], draw, persons)


def _fill(slot: str, draw: random.Random, persons: _Persons) -> str:
    kind, _, shape = slot.partition(".")
    if kind == "name":
        value = _name(shape, draw, persons)
    elif kind in _PLAIN:
        return _PLAIN[kind](draw)
    elif kind == "address":
        value = _address(draw, persons)
    else:
        value = _VALUES[slot](draw)
    return f"[{kind}:{value}]"


# --- names -----------------------------------------------------------------------------------------------------------

_CASES: Final = ("gen", "dat", "acc", "ins")


def _name(shape: str, draw: random.Random, persons: _Persons) -> str:
    woman = draw.random() < 0.5
    first = draw.choice(persons.women if woman else persons.men)
    surname = draw.choice(persons.surnames) + ("а" if woman else "")
    father = _patronymic(draw.choice(persons.fathers), woman=woman)
    if shape in _CASES:
        first, surname, father = _declined(first, surname, father, _CASES.index(shape), woman=woman)
    full = draw.choice((f"{surname} {first} {father}", f"{first} {father} {surname}", f"{surname} {first}"))
    match shape:
        case "first":
            return first
        case "firstlower":
            return first.lower()
        case "lower":
            return draw.choice((f"{first} {surname}", f"{surname} {first}", full)).lower()
        case "upper":
            return full.upper()
        case "initials":
            return draw.choice(
                (f"{surname} {first[0]}.{father[0]}.", f"{first[0]}. {father[0]}. {surname}", f"{surname} {first[0]}.")
            )
        case _:
            return full


_DAUGHTERS: Final = {"Ильич": "Ильинична", "Кузьмич": "Кузьминична"}


def _patronymic(father: str, *, woman: bool) -> str:
    return (_DAUGHTERS.get(father) or father[:-2] + "на") if woman else father


def _declined(first: str, surname: str, father: str, case: int, *, woman: bool) -> tuple[str, str, str]:
    if woman:
        soft = first.endswith("я")
        return (
            first[:-1] + (("и", "и" if first[-2] == "и" else "е", "ю", "ей") if soft else ("ы", "е", "у", "ой"))[case],
            surname[:-1] + ("ой", "ой", "у", "ой")[case],
            father[:-1] + ("ы", "е", "у", "ой")[case],
        )
    if first == "Пётр":
        first = "Петр"
    stem = first[:-1] if first[-1] in "йь" else first
    endings = ("я", "ю", "я", "ем") if first[-1] in "йь" else ("а", "у", "а", "ом")
    return (
        stem + endings[case],
        surname + ("а", "у", "а", "ым")[case],
        father + ("а", "у", "а", "ем")[case],
    )


# --- everything else -------------------------------------------------------------------------------------------------


def _digits(draw: random.Random, count: int) -> str:
    return "".join(draw.choice("0123456789") for _ in range(count))


def _phone(draw: random.Random) -> str:
    code, a, b, c = "9" + _digits(draw, 2), _digits(draw, 3), _digits(draw, 2), _digits(draw, 2)
    return draw.choice(
        (f"+7{code}{a}{b}{c}", f"8{code}{a}{b}{c}", f"+7 ({code}) {a}-{b}-{c}", f"8 {code} {a} {b} {c}",
         f"8-{code}-{a}-{b}-{c}", f"{code}{a}{b}{c}", f"+7 {code} {a}{b}{c}", f"8({code}){a}-{b}{c}")
    )  # fmt: skip


_HUNDREDS = ("", "сто", "двести", "триста", "четыреста", "пятьсот", "шестьсот", "семьсот", "восемьсот", "девятьсот")
_TENS = ("", "", "двадцать", "тридцать", "сорок", "пятьдесят", "шестьдесят", "семьдесят", "восемьдесят", "девяносто")
_ONES = ("ноль", "один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять")
_TEENS = (
    "десять", "одиннадцать", "двенадцать", "тринадцать", "четырнадцать", "пятнадцать", "шестнадцать", "семнадцать",
    "восемнадцать", "девятнадцать",
)  # fmt: skip


def spoken(figures: str) -> str:
    """How a group of two or three digits is said."""
    words = []
    rest = figures
    while rest.startswith("0") and len(rest) > 1:
        words.append("ноль")
        rest = rest[1:]
    number = int(rest)
    if number >= 100:
        words.append(_HUNDREDS[number // 100])
        number %= 100
        if not number:
            return " ".join(words)
    if 10 <= number < 20:
        words.append(_TEENS[number - 10])
        return " ".join(words)
    if number >= 20:
        words.append(_TENS[number // 10])
        number %= 10
        if not number:
            return " ".join(words)
    words.append(_ONES[number])
    return " ".join(words)


def _spoken_phone(draw: random.Random) -> str:
    groups = ["9" + _digits(draw, 2), _digits(draw, 3), _digits(draw, 2), _digits(draw, 2)]
    return draw.choice(("восемь", "плюс семь")) + " " + " ".join(map(spoken, groups))


def _email(draw: random.Random) -> str:
    local = draw.choice(("anna.k", "shop-{}", "ivanov_{}", "{}mail", "o.p.{}")).format(_digits(draw, 3))
    return f"{local}@{draw.choice(('mail.ru', 'yandex.ru', 'gmail.com', f'firma-{_digits(draw, 2)}.рф'))}"


def _inn(draw: random.Random) -> str:
    head = f"{draw.randrange(1, 90):02d}{_digits(draw, 8)}"
    for weights in ((7, 2, 4, 10, 3, 5, 9, 4, 6, 8), (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)):
        head += str(sum(int(d) * w for d, w in zip(head, weights, strict=True)) % 11 % 10)
    return head


def _snils(draw: random.Random) -> str:
    head = "1" + _digits(draw, 8)
    check = sum(int(d) * w for d, w in zip(head, range(9, 0, -1), strict=True)) % 101 % 100
    return draw.choice(("{}-{}-{} {:02d}", "{}{}{}{:02d}", "{} {} {} {:02d}")).format(
        head[:3], head[3:6], head[6:], check
    )


def _card(draw: random.Random) -> str:
    head = draw.choice(("2200", "4276", "5469")) + _digits(draw, 11)
    doubled = "0246813579"
    total = sum(int(doubled[int(d)]) if at % 2 == 0 else int(d) for at, d in enumerate(head))
    number = head + str(-total % 10)
    return draw.choice((number, " ".join(number[at : at + 4] for at in range(0, 16, 4))))


def _address(draw: random.Random, persons: _Persons) -> str:
    town, street, house, flat = (
        draw.choice(persons.towns), draw.choice(persons.streets), draw.randrange(1, 150), draw.randrange(1, 200),
    )  # fmt: skip
    return draw.choice(
        (f"г. {town}, ул. {street}, д. {house}, кв. {flat}", f"{town}, улица {street}, {house}-{flat}",
         f"{draw.randrange(101000, 690000)}, г. {town}, ул. {street}, д. {house}", f"ул {street} {house} кв {flat}",
         f"ул. {street}, дом {house}, корпус {draw.randrange(1, 5)}, квартира {flat}")
    )  # fmt: skip


_MONTHS = [
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
]


def _birth(draw: random.Random) -> str:
    day, month, year = draw.randrange(1, 29), draw.randrange(1, 13), draw.randrange(1945, 2010)
    return draw.choice((f"{day:02d}.{month:02d}.{year}", f"{day} {_MONTHS[month - 1]} {year}"))


def _plate(draw: random.Random) -> str:
    a, b, c = (draw.choice("АВЕКМНОРСТУХ") for _ in range(3))
    return draw.choice(("{}{}{}{}{}", "{} {} {}{} {}")).format(
        a, f"{draw.randrange(1, 1000):03d}", b, c, draw.choice(("77", "16", "178", "02"))
    )


def _order(draw: random.Random) -> str:
    return draw.choice(("№{}", "{}", "№ {}-24")).format(draw.randrange(10_000, 9_999_999))


_VALUES: Final[dict[str, Callable[[random.Random], str]]] = {
    "phone": _phone, "phone.spoken": _spoken_phone, "email": _email, "inn": _inn, "snils": _snils, "card": _card,
    "birth_date": _birth, "car_plate": _plate,
    "passport": lambda draw: draw.choice(("{} {}", "{} № {}", "{}{}")).format(
        f"{draw.randrange(1, 99):02d}{draw.randrange(0, 24):02d}", _digits(draw, 6)
    ),
    "handle": lambda draw: "@" + draw.choice(("kate_{}", "master{}", "zoo_shop_{}")).format(_digits(draw, 2)),
}  # fmt: skip
_PLAIN: Final[dict[str, Callable[[random.Random], str]]] = {
    "order": _order,
    "date": lambda draw: f"{draw.randrange(1, 29):02d}.{draw.randrange(1, 13):02d}.{draw.choice((2023, 2024, 2025))}",
    "price": lambda draw: draw.choice(("{} 990 руб.", "{}500 р", "{}00,00 ₽")).format(draw.randrange(1, 99)),
    "sku": lambda draw: f"{_digits(draw, 3)}-{_digits(draw, 4)}",
    "track": lambda draw: "8" + _digits(draw, 13),
}
