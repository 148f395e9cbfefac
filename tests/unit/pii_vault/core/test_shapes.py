"""Shaped tokens: each satisfies the public predicate, and nothing that can be issued does."""

import json
import random
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pii_vault.core.classes import load_classes, normalise
from pii_vault.core.normalisers import NORMALISERS
from pii_vault.core.shapes import CAPACITY, SHAPED_CLASSES, canonical_shape, is_shaped, new_shape
from pii_vault.errors import InvalidValue
from tests.support.persons import person

CLASSES = load_classes(Path("policies/classes.yaml"))
VECTORS: list[dict[str, Any]] = json.loads(Path("tests/vectors/shaped_v1.json").read_text("utf-8"))
classes = pytest.mark.parametrize("class_id", sorted(SHAPED_CLASSES))


@classes
def test_every_new_shape_satisfies_the_predicate_of_its_class_alone(class_id: str) -> None:
    for _ in range(500):
        shape = new_shape(class_id)
        assert is_shaped(class_id, shape)
        assert canonical_shape(class_id, shape) == shape
        assert not any(is_shaped(other, shape) for other in SHAPED_CLASSES - {class_id})


@classes
def test_an_outside_system_takes_it_for_a_value_and_the_vault_does_not(class_id: str) -> None:
    shape = new_shape(class_id)
    assert NORMALISERS[class_id](shape) is not None  # its form and check digits are right
    with pytest.raises(InvalidValue, match="resolve it"):
        normalise(CLASSES.get(class_id), shape)


@classes
@given(st.text("0123456789 +-()@.abinvld", max_size=30))
def test_no_accepted_value_is_shaped(class_id: str, text: str) -> None:
    try:
        normal = normalise(CLASSES.get(class_id), text)
    except InvalidValue:
        return
    assert not is_shaped(class_id, normal)
    assert not is_shaped(class_id, text)


def test_no_phone_that_the_numbering_plan_issues_is_shaped() -> None:
    draw = random.Random(7)
    issued = 0
    for code in range(1000):
        for _ in range(20):
            text = f"+7{code:03d}{draw.randrange(10**7):07d}"
            number = phonenumbers.parse(text)
            if phonenumbers.is_valid_number(number):
                issued += 1
                assert not is_shaped("phone", text)
            elif f"{code:03d}"[0] == "2":
                assert is_shaped("phone", text)
    assert issued > 1000  # else the check above proved nothing
    for country in ("375", "380", "1", "44", "86", "998"):
        assert not is_shaped("phone", f"+{country}2912345678"[:13])


@given(st.integers(1, 99), st.integers(0, 10**8 - 1))
def test_no_taxpayer_number_of_a_region_is_shaped(region: int, rest: int) -> None:
    head = f"{region:02d}{rest:08d}"
    assert not any(is_shaped("inn", head[:10] + f"{check:02d}") for check in range(0, 100, 7))
    assert not is_shaped("inn", head)


@given(st.sampled_from("123456789"), st.text("0123456789", min_size=14, max_size=14))
def test_no_card_of_a_network_is_shaped(first: str, rest: str) -> None:
    assert not any(is_shaped("card", first + rest + check) for check in "0123456789")


@pytest.mark.parametrize("seed", range(20))
def test_persons_are_not_shaped(seed: int) -> None:
    someone = person(seed)
    assert not is_shaped("phone", someone.phone)
    assert not is_shaped("email", someone.email)
    assert not is_shaped("email", "a@invalid.ru")
    assert not is_shaped("name", someone.name)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['class_id']}-{vector['kind']}")
def test_vectors_hold(vector: dict[str, Any]) -> None:
    assert is_shaped(vector["class_id"], vector["text"]) == (vector["kind"] == "shaped")
    assert canonical_shape(vector["class_id"], vector["text"]) == vector["canonical"]


def test_classes_without_such_a_range_have_no_shape() -> None:
    assert set(CAPACITY) == SHAPED_CLASSES
    for class_id in ("name", "passport", "snils", "address", "text"):
        assert not is_shaped(class_id, "00")
        assert canonical_shape(class_id, "+72001112233") is None
