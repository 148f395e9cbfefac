"""Words, plurals, dates and money of the pages, in Russian and English.

The catalogues stand in `app/locale/<language>.yaml`, nested by page; a leaf is a text or, where it counts
something, a text per plural form (`one few many other`). A text takes parameters as `{name}`. An unknown key or
parameter is an error, so a page cannot quietly show a key.
"""

import functools
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal, cast

import yaml
from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_decimal, get_currency_symbol

from app.kit.clock import utc_now
from app.kit.zones import DEFAULT_ZONE, zone_of

Language = Literal["ru", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("ru", "en")
DEFAULT: Final[Language] = "ru"
_FOLDER: Final = Path(__file__).resolve().parents[1] / "locale"

_SYMBOLS: Final = {"RUB": "₽"}  # the English locale data would write the code

Message = str | Mapping[str, str]


class UnknownMessage(KeyError):
    """The catalogue has no such text: add it to every file of app/locale."""


def _flatten(tree: Mapping[str, object], prefix: str = "") -> dict[str, Message]:
    flat: dict[str, Message] = {}
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if isinstance(value, str):
            flat[key] = value
        elif isinstance(value, Mapping) and "other" in value:
            flat[key] = cast("Mapping[str, str]", value)
        elif isinstance(value, Mapping):
            flat |= _flatten(value, f"{key}.")
        else:
            message = f"{key}: a text or plural forms are expected"
            raise TypeError(message)
    return flat


@functools.cache
def catalogue(language: Language) -> Mapping[str, Message]:
    """All texts of a language by dotted key; read on first use."""
    return _flatten(yaml.safe_load((_FOLDER / f"{language}.yaml").read_text("utf-8")))


def choose_language(cookie: str | None, accept_language: str) -> Language:
    """The reader's own choice first, then the browser's order of preference, then Russian."""
    for asked in (cookie or "", *(part.split(";")[0] for part in accept_language.split(","))):
        tag = asked.strip().lower()[:2]
        for language in LANGUAGES:
            if tag == language:
                return language
    return DEFAULT


class Words:
    """The texts and formats of one language and clock: `words("orders.title")`, `words("orders.shown", n=5)`."""

    def __init__(self, language: Language, zone: str) -> None:
        self.language = language
        self._zone = zone_of(zone)
        self._locale = Locale.parse(language)
        self._messages = catalogue(language)

    def __call__(self, key: str, /, **parameters: str | int) -> str:
        message = self._messages.get(key)
        if message is None:
            raise UnknownMessage(key)
        if not isinstance(message, str):
            form = self._locale.plural_form(int(parameters["n"]))
            message = message.get(form, message["other"])
        return message.format_map(parameters)

    def has(self, key: str) -> bool:
        return key in self._messages

    def titled(self, group: str, value: str) -> str:
        """The title of a known value; one that a shop made up itself stands as it is."""
        key = f"{group}.{value}"
        return self(key) if self.has(key) else value

    def money(self, amount: Decimal, currency: str) -> str:
        """An amount as its readers write it: `12 345 ₽`, `₽12,345.50`; kopecks only where there are some."""
        whole = amount == amount.to_integral_value()
        number = format_decimal(amount, "#,##0" if whole else "#,##0.00", locale=self._locale)
        symbol = _SYMBOLS.get(currency) or get_currency_symbol(currency, locale=self._locale)
        if self.language == "ru":
            return f"{number}\N{NO-BREAK SPACE}{symbol}"
        return f"{symbol}\N{NO-BREAK SPACE}{number}" if symbol.isalpha() else f"{symbol}{number}"

    def quantity(self, amount: Decimal) -> str:
        return format_decimal(amount.normalize(), locale=self._locale)

    def day(self, moment: datetime | date) -> str:
        """`22 нояб.`, with the year when it is not the present one of the moment's own clock."""
        local = moment.astimezone(self._zone) if isinstance(moment, datetime) else moment
        this_year = local.year == utc_now().astimezone(self._zone).year
        pattern = "d MMM" if this_year else "d MMM y"
        return format_date(local, pattern, locale=self._locale)

    def time(self, moment: datetime) -> str:
        return format_time(moment.astimezone(self._zone), "HH:mm", locale=self._locale)

    def moment(self, moment: datetime) -> str:
        return format_datetime(moment, "d MMMM y, HH:mm", tzinfo=self._zone, locale=self._locale)


@functools.cache
def words(language: Language, zone: str = DEFAULT_ZONE) -> Words:
    return Words(language, zone)
