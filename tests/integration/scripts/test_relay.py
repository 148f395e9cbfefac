"""`larets relay` for what became of dispatches, against a migrated database and a local keyring."""

import json

import pytest
from typer.testing import CliRunner, Result

from scripts import relay


def larets(*words: str) -> Result:
    return CliRunner().invoke(relay.cli, list(words))


@pytest.mark.usefixtures("instance")
def test_dispatches_are_asked_for_by_a_state_that_there_is() -> None:
    assert json.loads(larets("dispatches", "--state", "dead", "--json").stdout) == []
    wrong = larets("dispatches", "--state", "lost")
    assert wrong.exit_code == 2
    assert "delivered" in wrong.stderr


@pytest.mark.usefixtures("instance")
def test_a_dispatch_that_was_not_given_up_is_not_sent_again_in_silence() -> None:
    all_of_them = larets("retry", "--json")
    assert (all_of_them.exit_code, json.loads(all_of_them.stdout)) == (0, {"again": 0})
    named = larets("retry", "dsp_nothing")
    assert named.exit_code == 1
    assert "larets relay dispatches" in named.stderr
