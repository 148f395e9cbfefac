"""Persons who exist nowhere else: random values that cannot stand anywhere by chance.

Each entry gets a person of its own, so that a value found tells where it came in.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from scripts.leakcheck.forms import digests_of, forms_of
from scripts.local.shop import Buyer

_CONSONANTS: Final = "бвгдзклмнпрстфхчш"
_VOWELS: Final = "аеиоуыэюя"
_LATIN: Final = "abcdefghijkmnpqrstuvwxyz"
_ROMAN: Final = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
PARTS: Final = frozenset({"email", "street", "note"})
_CODES: Final = ("903", "905", "916", "921", "926", "951", "965", "977", "981", "999")


def word(syllables: int = 5) -> str:
    """A made-up Russian word; five syllables are one of six thousand million."""
    return "".join(secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS) for _ in range(syllables))


def digits(count: int) -> str:
    return "".join(secrets.choice("0123456789") for _ in range(count))


def phone() -> str:
    return f"+7{secrets.choice(_CODES)}{digits(7)}"


def latin(count: int) -> str:
    return "".join(secrets.choice(_LATIN) for _ in range(count))


@dataclass(frozen=True, slots=True)
class Person:
    """A planted person. The representation shows nothing: a check must not leak what it plants."""

    first_name: str
    last_name: str
    phone: str
    email: str
    street: str
    company: str
    birth_date: str
    ip: str
    word: str

    def __repr__(self) -> str:
        return "Person(…)"

    @property
    def name(self) -> str:
        return f"{self.last_name} {self.first_name}"

    @property
    def address(self) -> str:
        return f"170100, Тверь, ул. {self.street}, д. 7, кв. 19"

    @property
    def text(self) -> str:
        """Everything about the person in one sentence, as it stands where nobody expects it."""
        known = (self.name, self.phone, self.email, self.address, self.company, f"род. {self.birth_date}", self.word)
        return ", ".join(known)

    @property
    def buyer(self) -> Buyer:
        return Buyer(
            first_name=self.first_name,
            last_name=self.last_name,
            phone=self.phone,
            email=self.email,
            address_1=f"ул. {self.street}, д. 7, кв. 19",
            city="Тверь",
            postcode="170100",
            state="Тверская область",
        )

    @property
    def values(self) -> Mapping[str, str]:
        """What is looked for, by what it is. Of an email its local part: that stands in every form of the whole."""
        return {
            "given name": self.first_name,
            "surname": self.last_name,
            "phone": self.phone,
            "email": self.email.partition("@")[0],
            "street": self.street,
            "company": self.company,
            "birth date": self.birth_date,
            "IP address": self.ip,
            "note": self.word,
        }

    @property
    def wholes(self) -> Mapping[str, str]:
        """What is hashed as a whole, so that the parts above do not find it."""
        return {
            "name": self.name,
            "name, given first": f"{self.first_name} {self.last_name}",
            "email": self.email,
            "address": self.address,
        }


def new_person() -> Person:
    born = f"{1 + secrets.randbelow(28):02d}~{secrets.choice(_ROMAN)}~19{30 + secrets.randbelow(70)}"
    groups = ":".join(f"{secrets.randbelow(0xF000) + 0x1000:x}" for _ in range(6))
    return Person(
        first_name=word().title(),
        last_name=word().title(),
        phone=phone(),
        email=f"{latin(14)}@example.ru",
        street=word(6).title(),
        company=f"ООО {word(6).title()}",
        birth_date=f"{born}~{digits(4)}",  # the tail makes one date unlike all others
        ip=f"2001:db8:{groups}",
        word=word(8),
    )


class Canaries:
    """All that was planted, by label `<entry>: <what>`. The labels are what reports show."""

    def __init__(self) -> None:
        self._forms: dict[str, dict[bytes, str]] = {}
        self.planted = 0

    def person(self, entry: str) -> Person:
        person = new_person()
        self.planted += 1
        for what, value in person.values.items():
            self._forms[f"{entry}: {what}"] = forms_of(value, digests=what not in PARTS)
        for what, whole in person.wholes.items():
            self._forms[f"{entry}: {what}, digest"] = digests_of(whole)
        return person

    def value(self, label: str, value: str) -> str:
        """A single value, for entries that take no whole person."""
        self.planted += 1
        self._forms[label] = forms_of(value)
        return value

    @property
    def forms(self) -> Mapping[str, Mapping[bytes, str]]:
        return self._forms
