import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from app.kit.i18n import LANGUAGES, UnknownMessage, catalogue, choose_language, words
from app.kit.staff import ROLES
from app.orders.statuses import Status

APP = Path(__file__).parents[4] / "app"
SOURCES = [*(APP / "templates").rglob("*.html"), *APP.rglob("pages.py"), APP / "kit" / "problem_pages.py"]
PLURALS = {"ru": {"one", "few", "many", "other"}, "en": {"one", "other"}}
USED = re.compile(r"""\bt\(["']([a-z_.]+[a-z])["']\s*[,)]""")
PREFIXES = re.compile(r"""["']([a-z_]+\.[a-z_.]*)["']\s*~|f["']([a-z_]+\.[a-z_.]*)\{""")
TITLED = re.compile(r"""titled\(["']([a-z_]+)["']""")
EXPRESSIONS = re.compile(r"""["']([a-z_]+(?:\.[a-z_]+)+)["']""")


def placeholders(message: object) -> set[str]:
    texts = [message] if isinstance(message, str) else list(dict(message).values())  # type: ignore[call-overload]
    return {name for text in texts for name in re.findall(r"\{(\w+)\}", text)}


def test_both_languages_have_the_same_texts() -> None:
    assert set(catalogue("ru")) == set(catalogue("en"))


def test_a_text_takes_the_same_parameters_in_both_languages() -> None:
    differing = [
        key for key, text in catalogue("ru").items() if placeholders(text) != placeholders(catalogue("en")[key])
    ]
    assert differing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_counted_has_every_plural_form(language: str) -> None:
    counted = {key: text for key, text in catalogue(language).items() if not isinstance(text, str)}
    assert counted
    assert {key for key, forms in counted.items() if set(forms) != PLURALS[language]} == set()


def test_every_text_that_a_page_names_exists() -> None:
    named = {key for path in SOURCES for key in USED.findall(path.read_text("utf-8"))}
    assert named - set(catalogue("ru")) == set()
    assert len(named) > 80  # the pattern still finds them


def test_no_text_is_left_over() -> None:
    source = "\n".join(path.read_text("utf-8") for path in SOURCES)
    prefixes = {first or second for first, second in PREFIXES.findall(source)} | {
        f"{group}." for group in TITLED.findall(source)
    }
    named = set(EXPRESSIONS.findall(source)) | set(USED.findall(source))
    left = {key for key in catalogue("ru") if key not in named and not key.startswith(tuple(prefixes))}
    assert left == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_role_and_status_has_its_title(language: str) -> None:
    texts = catalogue(language)
    assert {f"role.{role}" for role in ROLES} | {f"privacy.role.{role}" for role in ROLES} <= set(texts)
    assert {f"status.{status}" for status in Status} <= set(texts)


def test_an_unknown_text_is_an_error() -> None:
    with pytest.raises(UnknownMessage):
        words("ru")("orders.nonsense")
    with pytest.raises(KeyError):
        words("ru")("orders.number")


@pytest.mark.parametrize(
    ("n", "ru", "en"),
    [
        (1, "1 заказ", "1 order"),
        (3, "3 заказа", "3 orders"),
        (5, "5 заказов", "5 orders"),
        (21, "21 заказ", "21 orders"),
    ],
)
def test_counting(n: int, ru: str, en: str) -> None:
    assert words("ru")("people.orders", n=n) == ru
    assert words("en")("people.orders", n=n) == en


@pytest.mark.parametrize(
    ("amount", "currency", "ru", "en"),
    [
        ("12345", "RUB", "12 345 ₽", "₽12,345"),
        ("12345.50", "RUB", "12 345,50 ₽", "₽12,345.50"),
        ("7.00", "USD", "7 $", "$7"),
        ("1", "XYZ", "1 XYZ", "XYZ 1"),
    ],
)
def test_money(amount: str, currency: str, ru: str, en: str) -> None:
    assert words("ru").money(Decimal(amount), currency).replace("\xa0", " ") == ru
    assert words("en").money(Decimal(amount), currency).replace("\xa0", " ") == en


def test_moments_stand_in_the_shops_time() -> None:
    late = datetime(2020, 12, 31, 22, 30, tzinfo=UTC)
    assert words("ru").moment(late) == "1 января 2021, 01:30"
    assert words("en").time(late) == "01:30"
    assert words("ru").day(late) == "1 янв. 2021"


def test_a_shops_own_status_stands_as_it_is() -> None:
    assert words("ru").titled("status", "completed") == "Выполнен"
    assert words("ru").titled("status", "packed") == "packed"


@pytest.mark.parametrize(
    ("cookie", "header", "chosen"),
    [
        (None, "", "ru"),
        ("en", "ru", "en"),
        ("xx", "en-GB,en;q=0.9", "en"),
        (None, "de, en;q=0.5", "en"),
        (None, "de", "ru"),
        ("RU", "en", "ru"),
    ],
)
def test_the_language(cookie: str | None, header: str, chosen: str) -> None:
    assert choose_language(cookie, header) == chosen
