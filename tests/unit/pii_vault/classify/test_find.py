"""What the rules find in a text, what they leave, and that spans never meet."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pii_vault.classify.find import find
from pii_vault.classify.replace import replaced
from pii_vault.classify.spans import CLASSES


def found(text: str) -> list[tuple[str, str]]:
    return [(span.class_id, text[span.start : span.end]) for span in find(text)]


@pytest.mark.parametrize(
    ("lead", "value", "class_id"),
    [
        ("звоните ", "восемь девятьсот два ноль ноль один сорок пять ноль девять", "phone"),
        ("номер ", "8 9 0 2 0 0 1 4 5 0 9", "phone"),
        ("пишите ", "anna тире k собака яндекс точка ру", "email"),
        ("паспорт ", "сорок пять ноль девять номер сто двадцать три четыреста пятьдесят шесть", "passport"),
        ("родилась ", "двенадцатого марта тысяча девятьсот восьмидесятого года", "birth_date"),
        ("пропуск на ", "о 123 ко 777", "car_plate"),
        ("живу ", "улица Садовая дом семь квартира двенадцать", "address"),
        ("везите на ", "проспект Мира, сто один, квартира сорок пять", "address"),
        ("везите на ", "ул. К. Маркса, 33", "address"),
        ("пишите на ", "anna собака яндекс ру", "email"),
    ],
)
def test_what_is_said_aloud_is_found_whole(lead: str, value: str, class_id: str) -> None:
    assert found(lead + value) == [(class_id, value)]


@pytest.mark.parametrize(
    ("text", "class_id"),
    [
        ("заказ 9001122334 отменён", "phone"),
        ("артикул 4512 223344 снят", "passport"),
        ("с 120 на 150 рублей", "car_plate"),
        ("доставка 12.05.2024", "birth_date"),
        ("платье «Диана» и крем Виктория", "name"),
        ("доставка по Владимиру и Твери", "name"),
        ("мы на Невском, вход со двора", "address"),
        ("в мае и августе", "name"),
        ("карта лояльности 4111 1111 1111 1111", "card"),
        ("р/с 40702810500000012345", "card"),
    ],
)
def test_what_only_looks_like_it_is_left(text: str, class_id: str) -> None:
    assert class_id not in {each for each, _ in found(text)}


def test_a_word_makes_the_difference() -> None:
    assert found("подписано 12.05.1987") == []
    assert found("родился 12.05.1987") == [("birth_date", "12.05.1987")]
    assert found("код 4512223344") == []
    assert found("паспорт 4512223344") == [("passport", "4512223344")]
    assert found("инн 500100732250") == [("inn", "500100732250")]  # a mistyped check digit is still somebody's number


@given(st.text(max_size=200))
@settings(max_examples=60, deadline=None)
def test_no_text_breaks_it_and_spans_never_meet(text: str) -> None:
    at = 0
    for span in find(text):
        assert at <= span.start < span.end <= len(text)
        assert span.class_id in CLASSES
        at = span.end


PIECES = [  # of a number, a name, an address, a date
    "Иван ",
    "8 916 ",
    "ул. ",
    "д. 5, кв. 5, ",
    "+7 ",
    "@a",
    "собака ",
    "точка ",
    "5 мая ",
    "а",
    "И. ",
    "«",
    "серия 45 ",
    "-",
]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
@settings(max_examples=80, deadline=None)
def test_no_heap_of_pieces_makes_spans_meet(text: str) -> None:
    spans = find(text)
    assert all(left.end <= right.start for left, right in pairwise(spans))


@pytest.mark.parametrize(
    "piece", [*PIECES, "семь ", "1", "1 ", "улица ", "а б в ", "дом 5 ", "г. Тула, ", "ivan точка ", "12.05.1987 ", "A"]
)
def test_time_grows_with_the_length_and_no_faster(piece: str) -> None:
    def seconds(size: int) -> float:
        text = (piece * size)[:size]
        started = time.perf_counter()
        find(text)
        return time.perf_counter() - started

    seconds(500)  # dictionaries are read once
    short, long = seconds(2_500), seconds(10_000)
    assert long < max(1.0, short * 16)


def test_tokens_stand_in_place() -> None:
    text = "Это Ольга, 8 916 441 77 23."
    assert replaced(text, find(text), lambda span: f"<{span.class_id}>") == "Это <name>, <phone>."
