"""The check that sets both halves back to a backup sees who came back, who stayed, and what goes on unwitnessed."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from scripts.env.place import Side
from scripts.local.shop import Shop
from scripts.rehearse.deep.checks import backups, bringing, restoring
from scripts.rehearse.deep.checks.load import Load
from scripts.rehearse.deep.stage import DeepStage
from scripts.rehearse.stage import NAME, CheckFailed, Said

ERASED, LOST = "sub_erased", "sub_lost"
OFFICER = SimpleNamespace(proofs=lambda: ("password", "123456"))


class Halves(DeepStage):
    """Two halves as commands tell them; `fault` names what is wrong with them."""

    fault = ""
    typed = ""
    set_back: tuple[Side, ...] = ()

    def run(self, verb: str, side: Side, *arguments: str, env: str = NAME, answer: str = "") -> Said:
        del env
        words = arguments[arguments.index("--") + 1 :][:2] if "--" in arguments else (verb,)
        self.typed = answer or self.typed
        if words == ("restore",):
            self.set_back = (*self.set_back, side)
        said = self._answer(words, arguments)
        return said if isinstance(said, Said) else Said(0, json.dumps(said), "", 0.1)

    def _answer(self, words: tuple[str, ...], arguments: tuple[str, ...]) -> Any:
        if words == ("restore",):
            return {"replayed": {"replayed": 0 if self.fault == "nobody erased again" else 1}}
        if words == ("subject", "find"):
            if self.fault == "gone" or (LOST in arguments and self.fault != "who came later is there"):
                return Said(1, "", "larets: error: nobody", 0.1)
            return [{"state": "active" if self.fault == "back" else "erased"}]
        if words == ("audit", "verify") and self.fault == "unwitnessed":
            return Said(1, "{}", "larets: error: not witnessed", 0.1)
        if words == ("audit", "new-origin") and self.fault == "not founded":
            return Said(1, "", "larets: error: did not prove", 0.1)
        return {}

    def asked(self, query: str) -> list[list[str]]:
        if "'200001'" not in query:
            return [[ERASED]]
        return [[LOST]] if "public" not in self.set_back or self.fault == "an order that came later is there" else []


@pytest.fixture
def halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Halves:
    made = Halves(tmp_path, {}, nodes=cast("Any", {"public": None}))
    loads = iter([Load(Shop("", ""), "", number, accepted=[number + 1]) for number in range(100_000, 900_000, 100_000)])
    monkeypatch.setattr(backups, "PATIENCE", 0.0)
    monkeypatch.setattr(backups, "staff", lambda _, roles: dict.fromkeys(roles, OFFICER))
    monkeypatch.setattr(backups, "orders", lambda _: next(loads))
    monkeypatch.setattr(backups, "ask_database", lambda _node, _side, query: made.asked(query))
    monkeypatch.setattr(bringing, "pods_ready", lambda *_: 1)
    return made


def test_both_halves_as_they_should_be(halves: Halves) -> None:
    told = restoring.set_back(halves)
    assert set(told) == {
        "backup private", "backup public", "restore private", "restore public", "new origin",
        "private serves again", "public serves again",
    }  # fmt: skip
    assert halves.typed == "password\n123456\n" * 2


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("nobody erased again", "erased again: 0"),
        ("back", "is active"),
        ("gone", "is unknown"),
        ("who came later is there", "a person who came after the backup is there"),
        ("an order that came later is there", "an order that came after the backup is there"),
        ("unwitnessed", "audit verify"),
        ("not founded", "new-origin ended with 1"),
    ],
)
def test_what_is_wrong_with_a_restored_half_is_told(halves: Halves, fault: str, told: str) -> None:
    halves.fault = fault
    with pytest.raises(CheckFailed, match=told):
        restoring.set_back(halves)
