"""Columns of personal fields take tokens and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_mock_engine

from app.models.columns import NotAToken, SubjectText, TokenText
from pii_vault.client import parse_token_shape
from pii_vault.core.tokens import new_subject_text, new_token_text
from tests.support.persons import person

DIALECT = create_mock_engine("postgresql+psycopg://", print).dialect
PHONE = new_token_text("phone", tenant="demo", bits=bytes(range(16)))
SUBJECT = new_subject_text(bytes(range(16)), tenant="demo")


def _bind(value: object, class_id: str | None = None) -> str | None:
    return TokenText(class_id).process_bind_param(value, DIALECT)


def test_a_token_is_taken() -> None:
    assert _bind(PHONE) == PHONE
    assert _bind(PHONE, "phone") == PHONE
    assert _bind(None) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        person(1).phone,
        person(1).name,
        person(1).email,
        PHONE.upper(),
        PHONE[:-1],
        PHONE + "0",
        " " + PHONE,
        PHONE + "\n",
        PHONE.replace("tok_phone", "tok_"),
        f"{PHONE} {person(1).phone}",
        "+7 *** ***-45-67",
        SUBJECT,
        79161234567,
        PHONE.encode(),
        [PHONE],
    ],
)
def test_anything_else_is_refused_and_not_repeated(value: object) -> None:
    with pytest.raises(NotAToken) as refused:
        _bind(value)
    assert str(refused.value) == "only a token may be stored in this column"


def test_a_token_of_another_class_is_refused() -> None:
    with pytest.raises(NotAToken):
        _bind(PHONE, "text")


@given(st.text(max_size=60))
def test_no_text_passes_but_tokens(text: str) -> None:
    if parse_token_shape(text) is None:
        with pytest.raises(NotAToken):
            _bind(text)


@given(st.binary(min_size=16, max_size=16), st.sampled_from(["phone", "email", "birth_date"]))
def test_every_token_passes(bits: bytes, class_id: str) -> None:
    token = new_token_text(class_id, tenant="demo", bits=bits)
    assert _bind(token, class_id) == token


def test_a_subject_is_taken_and_nothing_else() -> None:
    column = SubjectText()
    assert column.process_bind_param(SUBJECT, DIALECT) == SUBJECT
    for value in (PHONE, person(1).name, SUBJECT[:-1], SUBJECT + "\n", "", 7):
        with pytest.raises(NotAToken):
            column.process_bind_param(value, DIALECT)
