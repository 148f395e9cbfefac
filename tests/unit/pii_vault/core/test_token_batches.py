"""Texts of many tokens at once are those of each by itself: spellings and refusals, whatever stands among them."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pii_vault.core.token_batches import batch_writer, read_tokens
from pii_vault.core.tokens import new_subject_text, new_token_text, parse_tokens
from tests.unit.pii_vault.core.test_batches import damaged

CLASSES = ("phone", "birth_date", "name")
BITS = [bytes(16), b"\xff" * 16, *(os.urandom(16) for _ in range(998))]
TEXTS = [new_token_text(CLASSES[at % 3], tenant="demo", bits=bits) for at, bits in enumerate(BITS)]


def one_by_one(texts: list[str]) -> tuple[list[str | None], list[bytes]]:
    parsed = parse_tokens(texts, tenant="demo")
    return [each and each[0] for each in parsed], [each[1] if each else b"" for each in parsed]


@pytest.mark.parametrize("count", [0, 1, 2, 8, 9, 64, 1000])
def test_texts_are_spelled_alike(count: int) -> None:
    for class_id in CLASSES:
        written = batch_writer(f"tok_{class_id}_", tenant="demo")(BITS[:count])
        assert written == [new_token_text(class_id, tenant="demo", bits=bits) for bits in BITS[:count]]
    written = batch_writer("sub_", tenant="demo")(BITS[:count])
    assert written == [new_subject_text(bits, tenant="demo") for bits in BITS[:count]]


@pytest.mark.parametrize("count", [0, 1, 8, 9, 64, 1000])
def test_tokens_are_read_alike(count: int) -> None:
    class_ids, bits = read_tokens(TEXTS[:count], tenant="demo")
    assert (class_ids, bits) == one_by_one(TEXTS[:count])
    assert bits == BITS[:count]
    assert None not in class_ids


def test_anything_odd_among_them_is_refused_alone() -> None:
    odd = [*damaged(TEXTS[7]), new_token_text("phone", tenant="other", bits=BITS[3])]
    for text in odd:
        texts = [*TEXTS[:20], text, *TEXTS[20:40]]
        class_ids, bits = read_tokens(texts, tenant="demo")
        assert (class_ids, bits) == one_by_one(texts), text
        assert [at for at, class_id in enumerate(class_ids) if class_id is None] == [20], text
        assert bits[:20] + bits[21:] == BITS[:40]


def test_two_odd_ones_whose_lengths_make_up_for_each_other() -> None:
    texts = [*TEXTS[:10], TEXTS[10] + "0", TEXTS[11][:-1], TEXTS[12][-27:], TEXTS[13][:20] + TEXTS[14][20:]]
    assert read_tokens(texts, tenant="demo") == one_by_one(texts)


@given(st.lists(st.text(max_size=50) | st.sampled_from(TEXTS), min_size=9, max_size=30))
def test_any_texts_are_read_as_one_by_one(texts: list[str]) -> None:
    assert read_tokens(texts, tenant="demo") == one_by_one(texts)
