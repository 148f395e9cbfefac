"""Check digits, held against python-stdnum where it has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.ru import inn

from pii_vault.core.checksums import inn_is_valid, luhn_is_valid, snils_is_valid

digits = st.text("0123456789", min_size=1, max_size=20)


@given(st.text("0123456789", min_size=9, max_size=13))
def test_inn_agrees_with_stdnum(number: str) -> None:
    assert inn_is_valid(number) == bool(inn.is_valid(number))


@given(st.text("0123456789", min_size=9, max_size=9), st.integers(0, 9))
def test_inn_of_an_organisation_agrees_with_stdnum(head: str, last: int) -> None:
    assert inn_is_valid(f"{head}{last}") == bool(inn.is_valid(f"{head}{last}"))


@given(digits)
def test_luhn_agrees_with_stdnum(number: str) -> None:
    assert luhn_is_valid(number) == bool(luhn.is_valid(number))


@pytest.mark.parametrize("number", ["7707083893", "500100732259"])
def test_right_inn(number: str) -> None:
    assert inn_is_valid(number)


@pytest.mark.parametrize("number", ["7707083894", "500100732258", "500100732269", "77070838", ""])
def test_wrong_inn(number: str) -> None:
    assert not inn_is_valid(number)


@pytest.mark.parametrize("number", ["11223344595", "08765430300", "16044190132"])
def test_right_snils(number: str) -> None:
    assert snils_is_valid(number)


@pytest.mark.parametrize("number", ["11223344594", "11223344585", "1122334459", "00100199800", "00000000000", ""])
def test_wrong_snils(number: str) -> None:
    assert not snils_is_valid(number)


@given(st.text("0123456789", min_size=9, max_size=9).filter(lambda head: head > "001001998"))
def test_each_snils_number_has_exactly_one_check(head: str) -> None:
    assert sum(snils_is_valid(f"{head}{check:02d}") for check in range(100)) == 1
