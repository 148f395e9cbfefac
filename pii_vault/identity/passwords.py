"""Passwords: Argon2id hashes, and the refusal of those that guessing programs try first.

No list can be fetched inside a closed contour, so known passwords are refused by what they are made of: a word from
the short list below with digits or signs around it, a run along the keyboard, a repeated piece, the login itself.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from pii_vault.identity.errors import WeakPassword
from pii_vault.identity.policy import IdentityPolicy

_WALKS: Final = (
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertyuiop[]asdfghjkl;'zxcvbnm,./",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "1q2w3e4r5t6y7u8i9o0p",
    "abcdefghijklmnopqrstuvwxyz",
    "йцукенгшщзхъфывапролджэячсмитьбю",
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
)
_COMMON: Final = frozenset(
    word
    for line in (
        "password passw0rd passwort parol пароль qwerty qwertyuiop йцукен admin administrator root user login",
        "welcome letmein iloveyou monkey dragon football baseball master superman batman trustno1 starwars",
        "sunshine princess shadow secret changeme default test tester testing temp guest magazin магазин shop",
        "larets ларец crm vault moskva москва russia россия spartak спартак zenit зенит natasha наташа sergey",
        "сергей andrey андрей alexander александр любовь lubov привет privet солнышко solnyshko зайка zaika",
        "котенок kotenok summer winter spring autumn лето зима весна осень computer internet samsung google",
        "yandex яндекс company компания office офис manager менеджер mypassword yourpassword newpassword",
        "mynewpassword correcthorsebatterystaple thisisapassword letmeinplease iloveyouforever",
    )
    for word in line.split()
)
_LEET: Final = str.maketrans("013457@$!", "oieastasi")
_SHORTEST_WALK: Final = 6
_SHORTEST_REST: Final = 6  # what is left after the known parts must itself be something to guess


class PasswordKeeper:
    """Hashes and checks. Each call holds tens of megabytes: a server makes them by `PasswordWork`, a few at once."""

    def __init__(self, policy: IdentityPolicy) -> None:
        self._policy = policy
        self._hasher = PasswordHasher(
            time_cost=policy.argon2_time_cost,
            memory_cost=policy.argon2_memory_kib,
            parallelism=policy.argon2_parallelism,
            hash_len=RFC_9106_LOW_MEMORY.hash_len,
            salt_len=RFC_9106_LOW_MEMORY.salt_len,
        )
        # Checked when there is nobody to check, so that an unknown login costs the same time as a known one.
        self._nobody = self._hasher.hash("nobody's password")

    def hash(self, password: str) -> str:
        return self._hasher.hash(_canonical(password))

    def matches(self, password: str, stored: str | None) -> bool:
        """False for a wrong password and, in the same time, where no password is stored."""
        too_long = len(password) > self._policy.password_max_length
        candidate = "" if too_long else _canonical(password)
        try:
            self._hasher.verify(stored or self._nobody, candidate)
        except (VerificationError, InvalidHashError):
            return False
        return bool(stored) and not too_long

    def is_outdated(self, stored: str) -> bool:
        return self._hasher.check_needs_rehash(stored)

    def require_strong(self, password: str, *, told: Iterable[str] = ()) -> None:
        """Refuse what is short or soon guessed. `told` are words about the person: the login, the alias, the shop.

        Raises:
            WeakPassword: with a code that says which rule was broken.
        """
        canonical = _canonical(password)
        if len(canonical) < self._policy.password_min_length:
            raise WeakPassword("short")
        if len(password) > self._policy.password_max_length:
            raise WeakPassword("long")
        if _is_guessable(canonical, told):
            raise WeakPassword("guessable")


@lru_cache(maxsize=4)
def password_keeper(policy: IdentityPolicy) -> PasswordKeeper:
    """One keeper a process and policy: to make one costs a hash."""
    return PasswordKeeper(policy)


def _canonical(password: str) -> str:
    """One form for what a person may type in two (RFC 8265: NFC, no folding of case)."""
    return unicodedata.normalize("NFC", password)


def _is_guessable(password: str, told: Iterable[str]) -> bool:
    low = password.casefold()
    if len(set(low)) < 5 or _is_repetition(low):  # noqa: PLR2004  fewer than five different characters
        return True
    words = [part for word in told for part in re.split(r"[@.\s_-]+", word.casefold()) if len(part) > 2]  # noqa: PLR2004
    rest = low
    for word in (*words, *_walks_in(low)):
        rest = rest.replace(word, "")
    if len(rest) < _SHORTEST_REST:
        return True
    core = _core(low)
    return not _COMMON.isdisjoint({core, core.translate(_LEET), _core(low.translate(_LEET))})


def _is_repetition(text: str) -> bool:
    return (text + text).find(text, 1) < len(text)


def _core(text: str) -> str:
    """The word inside `2024!!password1990`."""
    return re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text)


def _walks_in(text: str) -> list[str]:
    """Runs of six and more along a keyboard row or an alphabet, in either direction."""
    lines = [line for walk in _WALKS for line in (walk, walk[::-1])]
    found: list[str] = []
    start = 0
    while start + _SHORTEST_WALK <= len(text):
        length = _SHORTEST_WALK
        if not any(text[start : start + length] in line for line in lines):
            start += 1
            continue
        while start + length < len(text) and any(text[start : start + length + 1] in line for line in lines):
            length += 1
        found.append(text[start : start + length])
        start += length
    return found
