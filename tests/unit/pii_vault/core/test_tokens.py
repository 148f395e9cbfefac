"""Tokens and ids: one spelling each, and every slip of the pen found."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pii_vault.core import tokens
from pii_vault.errors import MalformedToken

VECTORS: list[dict[str, Any]] = [
    vector
    for name in ("tokens", "tokens_v1_by_time")  # wholly random, and since ids begin with the second they were made in
    for vector in json.loads(Path(f"tests/vectors/{name}.json").read_text("utf-8"))
]
TOKENS = [vector for vector in VECTORS if vector["kind"] == "token"]
SUBJECTS = [vector for vector in VECTORS if vector["kind"] == "subject"]
MALFORMED: list[dict[str, str]] = json.loads(Path("tests/vectors/tokens_v1_malformed.json").read_text("utf-8"))
FAILURES = {
    "foreign_tenant", "foreign_class", "truncated", "extended", "wrong_check", "padding_bits_set", "outside_alphabet",
    "upper_case", "blank_around", "wrong_prefix", "wrong_class_word", "empty", "unknown_version",
}  # fmt: skip
bits_of_any_token = st.binary(min_size=16, max_size=16)


@pytest.mark.parametrize("vector", TOKENS, ids=lambda vector: vector["text"])
def test_token_vectors_hold(vector: dict[str, Any]) -> None:
    bits = bytes.fromhex(vector["bits"])
    assert tokens.new_token_text(vector["class_id"], tenant=vector["tenant"], bits=bits) == vector["text"]
    token = tokens.parse_token(vector["text"], tenant=vector["tenant"])
    assert (token.class_id, token.bits) == (vector["class_id"], bits)


@pytest.mark.parametrize("vector", SUBJECTS, ids=lambda vector: vector["text"])
def test_subject_vectors_hold(vector: dict[str, Any]) -> None:
    bits = bytes.fromhex(vector["bits"])
    assert tokens.new_subject_text(bits, tenant=vector["tenant"]) == vector["text"]
    assert tokens.parse_subject(vector["text"], tenant=vector["tenant"]) == bits


@pytest.mark.parametrize("vector", MALFORMED, ids=lambda vector: vector["failure"])
def test_malformed_vectors_are_refused_one_by_one_and_in_a_batch(vector: dict[str, str]) -> None:
    with pytest.raises(MalformedToken):
        tokens.parse_token(vector["text"], tenant=vector["tenant"])
    good = next(each for each in TOKENS if each["tenant"] == vector["tenant"])
    batch = tokens.parse_tokens([good["text"], vector["text"], good["text"]], tenant=vector["tenant"])
    assert [each is None for each in batch] == [False, True, False]


def test_each_kind_of_failure_has_a_vector_and_only_that_differs_from_a_good_token() -> None:
    assert {vector["failure"] for vector in MALFORMED} == FAILURES
    for vector in MALFORMED:  # what the form alone cannot tell is found by the check characters, and only then
        by_form = tokens.parse_token_shape(vector["text"])
        assert (by_form is not None) == (vector["failure"] in {"foreign_tenant", "foreign_class", "wrong_check"})


@given(bits_of_any_token)
def test_text_and_bits_are_one_to_one(bits: bytes) -> None:
    text = tokens.new_token_text("phone", tenant="demo", bits=bits)
    assert len(text) == len("tok_phone_") + 28
    assert tokens.parse_token(text, tenant="demo").bits == bits


@given(bits_of_any_token, st.integers(0, 27), st.sampled_from(tokens.ALPHABET))
def test_one_changed_character_is_found(bits: bytes, place: int, char: str) -> None:
    text = tokens.new_token_text("phone", tenant="demo", bits=bits)
    at = len("tok_phone_") + place
    changed = text[:at] + char + text[at + 1 :]
    if changed != text:
        with pytest.raises(MalformedToken):
            tokens.parse_token(changed, tenant="demo")


@given(bits_of_any_token, st.integers(0, 26))
def test_two_swapped_characters_are_found(bits: bytes, place: int) -> None:
    text = tokens.new_token_text("phone", tenant="demo", bits=bits)
    at = len("tok_phone_") + place
    swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if swapped != text:
        with pytest.raises(MalformedToken):
            tokens.parse_token(swapped, tenant="demo")


GOOD = tokens.new_token_text("phone", tenant="demo", bits=bytes(range(16)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tok_",
        "tok_phone_",
        GOOD[:-1],
        GOOD + "0",
        GOOD.upper(),
        " " + GOOD,
        GOOD + "\n",
        GOOD.replace("tok_", "sub_"),
        GOOD.replace("phone", "Phone"),
        GOOD.replace("phone", "ph0ne"),
        GOOD.replace("phone", ""),
        GOOD.replace("phone", "phone_"),
        GOOD.replace("phone", "телефон"),
        GOOD[:-28] + "+" + GOOD[-27:],
        GOOD[:-28] + "_" + GOOD[-27:],
        GOOD[:-28] + "٣" + GOOD[-27:],
        GOOD[:-28] + "u" * 28,
        GOOD[:-3] + "1" + GOOD[-2:],
        "tok_" + "a" * 100 + GOOD[-29:],
    ],
)
def test_what_is_not_exactly_a_token_is_malformed(text: str) -> None:
    with pytest.raises(MalformedToken):
        tokens.parse_token(text, tenant="demo")


def test_the_two_spare_bits_must_be_zero() -> None:
    """Else one token had four spellings, and a token column would hold duplicates that differ."""
    spare = tokens.ALPHABET[tokens.ALPHABET.index(GOOD[-3]) | 1]
    assert tokens.parse_token_shape(GOOD[:-3] + spare + GOOD[-2:]) is None
    assert tokens.parse_token_shape(GOOD) is not None


def test_a_token_of_another_tenant_or_class_is_malformed() -> None:
    with pytest.raises(MalformedToken):
        tokens.parse_token(GOOD, tenant="other-shop")
    with pytest.raises(MalformedToken):
        tokens.parse_token(GOOD.replace("phone", "email"), tenant="demo")


def test_shape_alone_does_not_ask_whose_token_it_is() -> None:
    token = tokens.parse_token_shape(GOOD)
    assert token == tokens.Token("phone", bytes(range(16)))
    assert tokens.parse_token_shape("+79991234567") is None
    assert tokens.parse_token_shape("tok_phone_79991234567") is None


@given(st.text(max_size=60))
def test_no_text_breaks_the_parsers(text: str) -> None:
    for candidate in (text, "tok_" + text, "sub_" + text, "tok_phone_" + text):
        tokens.parse_token_shape(candidate)
        tokens.parse_subject_shape(candidate)
        with pytest.raises(MalformedToken):
            tokens.parse_token(candidate, tenant="demo")


def test_subjects_are_refused_like_tokens() -> None:
    text = tokens.new_subject_text(bytes(16), tenant="demo")
    assert tokens.parse_subject_shape(text) == bytes(16)
    for wrong in (text[:-1], text.replace("sub_", "tok_"), text.upper(), ""):
        with pytest.raises(MalformedToken):
            tokens.parse_subject(wrong, tenant="demo")
    with pytest.raises(MalformedToken):
        tokens.parse_subject(text, tenant="other-shop")


def test_ids_have_prefix_and_26_characters() -> None:
    first, second = tokens.new_id("evt"), tokens.new_id("evt")
    assert first != second
    assert first.startswith("evt_")
    assert len(first) == 4 + 26
    assert set(first[4:]) <= set(tokens.ALPHABET)
