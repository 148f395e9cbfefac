"""Passwords: what is accepted, what is refused, what a hash costs."""

import pytest

from pii_vault.identity.errors import WeakPassword
from pii_vault.identity.passwords import PasswordKeeper
from pii_vault.identity.policy import IdentityPolicy, policy_for

KEEPER = PasswordKeeper(policy_for("test"))
TOLD = ("marina.petrova@shop.example.ru", "Seller 7", "Цветы и кофе")


@pytest.mark.parametrize(
    "password",
    [
        "copper tram under nine lamps",
        "верблюд читает облака",
        "xK9#mQ2$vL5!",
        "marina и семь рыжих слонов",  # a name in it is no harm beside enough of something else
        "a" * 5 + "bcxzqwvut",
    ],
)
def test_good_password_is_accepted(password: str) -> None:
    KEEPER.require_strong(password, told=TOLD)


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("elevenchars", "short"),
        ("верблюд 1", "short"),
        ("x y" * 100, "long"),
        ("password2024!!", "guessable"),
        ("P@ssw0rd123456", "guessable"),
        ("123456789012", "guessable"),
        ("qwertyuiop123456", "guessable"),
        ("йцукенгшщзхъ", "guessable"),
        ("zxcvbnmasdfg", "guessable"),
        ("1qaz2wsx3edc", "guessable"),
        ("aaaaaaaaaaaa", "guessable"),
        ("abcabcabcabc", "guessable"),
        ("dog1dog1dog1", "guessable"),
        ("пароль2024!!", "guessable"),
        ("correcthorsebatterystaple", "guessable"),
        ("marinapetrova1", "guessable"),
        ("petrova-shop-12", "guessable"),
        ("Цветы и кофе 1", "guessable"),
        ("seller7seller7", "guessable"),
    ],
)
def test_weak_password_is_refused_with_its_rule(password: str, rule: str) -> None:
    with pytest.raises(WeakPassword) as refused:
        KEEPER.require_strong(password, told=TOLD)
    assert refused.value.rule == rule
    assert password not in str(refused.value)


def test_hash_matches_its_password_alone() -> None:
    stored = KEEPER.hash("copper tram under nine lamps")
    assert stored.startswith("$argon2id$")
    assert "copper" not in stored
    assert KEEPER.matches("copper tram under nine lamps", stored)
    assert not KEEPER.matches("Copper tram under nine lamps", stored)
    assert KEEPER.hash("copper tram under nine lamps") != stored


def test_one_password_in_two_spellings_of_unicode() -> None:
    assert KEEPER.matches("ёжик под дождём", KEEPER.hash("ёжик под дождём"))


@pytest.mark.parametrize("stored", [None, "", "not a hash", "$argon2id$broken"])
def test_nobody_matches_without_a_genuine_hash(stored: str | None) -> None:
    assert not KEEPER.matches("nobody's password", stored)
    assert not KEEPER.matches("", stored)


def test_overlong_password_is_not_hashed() -> None:
    assert not KEEPER.matches("x" * 1_000_000, KEEPER.hash(""))


def test_cheap_hashes_are_for_tests_alone() -> None:
    assert policy_for("test") != IdentityPolicy()
    for environment in ("dev", "staging", "production", "unheard-of"):
        assert policy_for(environment) == IdentityPolicy()
    assert IdentityPolicy().argon2_memory_kib >= 19 * 1024  # the least that OWASP's sheet asks for


def test_hash_of_other_costs_is_outdated() -> None:
    stored = KEEPER.hash("copper tram under nine lamps")
    assert not KEEPER.is_outdated(stored)
    assert PasswordKeeper(IdentityPolicy(argon2_time_cost=2, argon2_memory_kib=64)).is_outdated(stored)
