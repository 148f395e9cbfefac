"""Search keys: what a person types finds what another person wrote."""

from pathlib import Path

import pytest

from pii_vault.core.classes import load_classes
from pii_vault.core.search_keys import KeyKind, kinds_of, matches, query_key, search_keys
from pii_vault.core.transliterate import skeleton
from pii_vault.errors import InvalidValue

CLASSES = load_classes(Path("policies/classes.yaml"))


@pytest.mark.parametrize(
    "spellings",
    [
        ("Юлия", "Iuliia", "Yulia", "Yuliya", "Julia", "Julija", "ЮЛИЯ"),
        ("Щербаков", "Shcherbakov", "Scherbakov", "Sherbakov"),
        ("Фёдор", "Федор", "Fedor", "Fyodor"),
        ("Алексей", "Aleksei", "Aleksey", "Alexey", "Alexej"),
        ("Хабибуллин", "Khabibullin", "Habibulin"),
        ("Наталья", "Natalia", "Natalya", "Nataliya", "Наталия"),
        ("Цветкова", "Tsvetkova", "Tzvetkova"),
        ("Жуков", "Zhukov"),
        ("Müller", "Muller"),
    ],
)
def test_all_spellings_of_a_name_have_one_skeleton(spellings: tuple[str, ...]) -> None:
    assert len({skeleton(each) for each in spellings}) == 1
    assert skeleton(spellings[0]).isalpha()


@pytest.mark.parametrize(
    ("one", "other"), [("Иванов", "Петров"), ("Мария", "Марина"), ("Цой", "Чой"), ("Ким", "Кан"), ("Панин", "Пенин")]
)
def test_unlike_names_keep_unlike_skeletons(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


@pytest.mark.parametrize(
    ("class_id", "kind", "query", "value"),
    [
        ("phone", "exact", "8 (912) 000-45-67", "+79120004567"),
        ("phone", "last4", "45-67", "+7 912 000-45-67"),
        ("card", "last4", "1111", "4111 1111 1111 1111"),
        ("email", "domain", "Почта.РФ", "some@xn--80a1acny.xn--p1ai"),
        ("email", "domain", "@Example.org", "some@example.org"),
        ("name", "prefix", "щерб", "Shcherbakov Ivan"),
        ("name", "prefix", "iva", "Щербаков Иван Петрович"),
        ("name", "prefix", "Щербаков ив", "Иван Щербаков"),
        ("name", "prefix", "Римский-К", "Римский-Корсаков Н. А."),
        ("name", "prefix", "ли", "Ли Вэй"),
    ],
)
def test_a_query_finds_the_value(class_id: str, kind: KeyKind, query: str, value: str) -> None:
    field_class = CLASSES.get(class_id)
    assert (kind, query_key(field_class, kind, query)) in search_keys(field_class, value)
    assert matches(field_class, kind, query, value)


@pytest.mark.parametrize(
    ("class_id", "kind", "query", "value"),
    [
        ("phone", "last4", "4568", "+7 912 000-45-67"),
        ("email", "domain", "example.net", "some@example.org"),
        ("name", "prefix", "Щербаков Ол", "Иван Щербаков"),
        ("name", "prefix", "Констант", "Консташкин Олег"),  # the key is equal, the name is not
        ("name", "prefix", "ли", "Лидия"),
        ("name", "prefix", "...", "Лидия"),
        ("name", "last4", "1234", "Лидия"),
    ],
)
def test_what_does_not_match_is_not_taken(class_id: str, kind: KeyKind, query: str, value: str) -> None:
    assert not matches(CLASSES.get(class_id), kind, query, value)


def test_classes_without_an_index_have_no_exact_key() -> None:
    assert kinds_of(CLASSES.get("card")) == ("last4",)
    assert kinds_of(CLASSES.get("text")) == ()
    assert search_keys(CLASSES.get("text"), "что угодно") == []


def test_the_number_of_keys_is_bounded() -> None:
    name = CLASSES.get("name")
    assert len(search_keys(name, " ".join(["Константинопольский"] * 9))) == 5
    keys = search_keys(name, " ".join(f"{chr(1072 + at)}бвгдежз" for at in range(20)))
    assert len(keys) <= 1 + 6 * 4


def test_what_is_no_value_has_no_keys() -> None:
    with pytest.raises(InvalidValue):
        search_keys(CLASSES.get("phone"), "нет")
