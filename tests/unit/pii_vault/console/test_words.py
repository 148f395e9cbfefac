"""Every verb, action and outcome has a name in both languages."""

import pytest

from pii_vault.access.matrix import ACTIONS
from pii_vault.console import words


def test_every_action_is_named() -> None:
    assert set(words.ACTIONS) == set(ACTIONS)
    assert set(ACTIONS) <= set(words.VERBS)


@pytest.mark.parametrize(
    "table", ["VERBS", "ACTIONS", "DECISIONS", "OUTCOMES", "CELL", "STAFF_STATES", "SUBJECT_STATES"]
)
def test_names_are_filled_in_both_languages(table: str) -> None:
    for ru, en in getattr(words, table).values():
        assert ru.strip()
        assert en.strip().isascii() or "“" in en


def test_unnamed_id_is_shown_as_it_is() -> None:
    assert words.word(words.VERBS, "rewrap", "ru") == "rewrap"


@pytest.mark.parametrize("outcome", ["denied", "forbidden", "something_new"])
def test_refusals_are_red(outcome: str) -> None:
    assert words.colour(outcome) == "red"
