"""Texts with tokens in place: what passes as one, and what does not."""

import pytest

from pii_vault.core.mixed import MAX_MIXED, is_mixed, personal_classes, pieces_of
from pii_vault.core.tokens import new_token_text

NAME = new_token_text("name", tenant="demo", bits=bytes(range(16)))
CARD = new_token_text("car_plate", tenant="demo", bits=bytes(range(16, 32)))


@pytest.mark.parametrize(
    "text",
    [
        NAME,
        f"это {NAME}, жду к пяти",
        f"{NAME}{' ' * 3}и{CARD}.",
        f"пропуск на {CARD}: «{NAME}»",
        f"<b>{NAME}</b> 15 % скидки",
    ],
)
def test_words_and_tokens_may_leave(text: str) -> None:
    assert is_mixed(text)
    assert "".join(piece.text for piece in pieces_of(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "жду к пяти",  # no token: no sign that anybody looked
        f"{NAME[:-1]} ждёт",  # cut
        f"{NAME.upper()} ждёт",
        f"x{NAME} ждёт",
        f"{NAME}{CARD[4:]}",
        f"{NAME} и {NAME[:20]}",  # one whole, one cut
        f"{NAME}, 8 916 441 77 23",
        f"{NAME}, ８９１６４４１７７２３",  # full width
        f"{NAME}, 8916\u200b4417723",
        f"{NAME}, %2B79164417723",
        f"{NAME}, &#43;79164417723",
        f"{NAME}, anna@example.ru",
        f"{NAME} " + "а" * MAX_MIXED,
    ],
)
def test_everything_else_stays(text: str) -> None:
    assert not is_mixed(text)


def test_pieces_name_their_classes() -> None:
    pieces = pieces_of(f"это {NAME} на {CARD}")
    assert [(piece.class_id, piece.text) for piece in pieces] == [
        (None, "это "), ("name", NAME), (None, " на "), ("car_plate", CARD),
    ]  # fmt: skip
    assert pieces_of("") == []


def test_the_public_detectors_need_no_recogniser() -> None:
    """The edge guard and this check work by form and check digits: a name has none, and is not found."""
    assert personal_classes(["Ольга Синицына, ул. Лесная, д. 5, кв. 7"]) == frozenset()
    assert personal_classes(["8 916 441", "77 23"]) == frozenset()  # two fields are not read as one number
    assert personal_classes(["8 916 441 77 23"]) == {"phone"}
    assert personal_classes(["%2B79164417723"]) == frozenset()
    assert personal_classes(["%2B79164417723"], decoded=True) == {"phone"}
