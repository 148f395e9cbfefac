"""Generated test persons. Nobody real: names are drawn from lists, phones from a seeded generator."""

import random
from dataclasses import dataclass

SURNAMES = ("Соколова", "Журавлёва", "Воронцова", "Лебедева", "Синицына", "Орлова", "Галкина", "Дроздова")
GIVEN = ("Анна", "Мария", "Дарья", "Полина", "Вера", "Ольга", "Елена", "Ксения")
PATRONYMICS = ("Петровна", "Ивановна", "Сергеевна", "Андреевна", "Олеговна", "Павловна")
STREETS = ("Садовая", "Лесная", "Речная", "Полевая", "Вишнёвая", "Кленовая")
CITIES = ("Тверь", "Калуга", "Рязань", "Тула", "Пермь", "Томск")


@dataclass(frozen=True, slots=True)
class Person:
    given: str
    surname: str
    patronymic: str
    phone: str
    email: str
    city: str
    street: str

    @property
    def name(self) -> str:
        return f"{self.surname} {self.given} {self.patronymic}"

    @property
    def address(self) -> str:
        return f"{self.city}, {self.street}"


def person(seed: int) -> Person:
    draw = random.Random(seed)
    return Person(
        given=draw.choice(GIVEN),
        surname=draw.choice(SURNAMES),
        patronymic=draw.choice(PATRONYMICS),
        phone=f"+79{draw.randrange(10**8, 10**9)}",
        email=f"u{draw.randrange(10**9):09d}@example.ru",
        city=draw.choice(CITIES),
        street=f"ул. {draw.choice(STREETS)}, д. {draw.randrange(1, 200)}, кв. {draw.randrange(1, 300)}",
    )
