"""The word that no classifier finds is one that it did not find."""

import json

import httpx
import pytest

from scripts.leakcheck.canaries import Canaries
from scripts.leakcheck.classified import ENTRY, MISSED, TRIES, _hidden
from scripts.local.instance import InstanceProblem


def classifier(*, finds: int) -> tuple[httpx.Client, list[str]]:
    """A vault whose classifier takes the first so many words for persons; and what it was asked."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content)["text"])
        crossing = "там tok_name_x с третьего этажа" if len(asked) <= finds else asked[-1]
        return httpx.Response(200, json={"token": "tok_text_x", "crossing": crossing})

    return httpx.Client(transport=httpx.MockTransport(answer), base_url="https://vault.test"), asked


@pytest.mark.parametrize("finds", [0, 2])
def test_a_word_that_was_found_is_not_taken(finds: int) -> None:
    client, asked = classifier(finds=finds)
    canaries = Canaries()
    with client:
        text = _hidden(client, canaries)
    assert len(asked) == finds + 1
    assert text == asked[-1]
    assert canaries.forms.keys() == {MISSED, f"{ENTRY}: phone"}
    assert text.split()[1].encode() in canaries.forms[MISSED]


def test_a_classifier_that_finds_every_word_is_told() -> None:
    client, asked = classifier(finds=TRIES)
    with client, pytest.raises(InstanceProblem):
        _hidden(client, Canaries())
    assert len(asked) == TRIES
