"""A trial of an environment in two processes: what each is told, and what their parent makes of their answers."""

import json
import subprocess
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.env.errors import EnvProblem
from scripts.smoke import halves
from scripts.smoke.halves import doors_of, whole
from scripts.smoke.stand import StandProblem
from scripts.smoke.trial import EXPECTED
from tests.support.stacks import settings
from tests.unit.infra.conftest import Opened, opened

__all__ = ["opened"]
CARD = {"order": "ord_1", "tenant": "trial", "tokens": ["tok_a", "tok_b"], "audit_records": 7, "seen_by": EXPECTED}
Told = Callable[..., None]


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What each half's process answers; `asked` are their command lines."""
    known: dict[str, Any] = {
        "private": CARD | {"ok": True, "steps": [], "audit_verified": True},
        "public": {"ok": True, "steps": [], "witnessed": True, "held": {"tokens": ["tok_a", "tok_b"], "clear": []}},
        "asked": [],
    }

    def run(command: list[str], **_: Any) -> Any:
        known["asked"].append(command)
        answer = known[command[command.index("--half") + 1]]
        return SimpleNamespace(returncode=0, stdout=answer if isinstance(answer, str) else json.dumps(answer))

    monkeypatch.setattr(subprocess, "run", run)
    return known


def test_the_public_half_is_told_public_facts_alone(children: dict[str, Any]) -> None:
    told = whole("shop", {"crm.example.ru": "127.0.0.1:4443"})
    assert told["ok"] is True
    private, public = children["asked"]
    assert private[-2:] == ["--resolve", "crm.example.ru=127.0.0.1:4443"]
    assert public[public.index("--json") + 1 :] == ["--order", "ord_1", "--tenant", "trial", "--records", "7"]


def test_the_public_half_is_not_asked_where_the_private_one_failed(children: dict[str, Any]) -> None:
    children["private"] = {"ok": False, "steps": [{"step": "x", "ok": False}]}
    told = whole("shop", {})
    assert (told["ok"], len(children["asked"])) == (False, 1)


@pytest.mark.parametrize(
    ("change", "held"),
    [({"witnessed": False, "ok": False}, None), ({}, {"tokens": ["tok_a"], "clear": []})],
    ids=["not witnessed", "a token is missing"],
)
def test_what_the_public_half_does_not_confirm_is_no_success(
    change: dict[str, Any], held: Any, children: dict[str, Any]
) -> None:
    children["public"] |= change | ({"held": held} if held else {})
    assert whole("shop", {})["ok"] is False


def test_a_half_that_says_nothing_is_told(children: dict[str, Any]) -> None:
    children["private"] = "Traceback"
    with pytest.raises(StandProblem, match="private half's process"):
        whole("shop", {})


def environment(own: Any) -> Any:
    engine = SimpleNamespace(plain_values=lambda: {"authority-crt": "own"})
    return SimpleNamespace(settings=own, contour=SimpleNamespace(side="private"), engine=lambda _: engine)


def test_doors_lead_where_settings_and_the_contract_say(opened: Opened) -> None:
    doors = doors_of(environment(opened("private")), {"hooks.example.ru": "[::1]:8443", "vault.example.ru": "::1"})
    found = {host: (door.address, door.port) for host, door in doors.doors.items()}
    assert found == {
        "vault.example.ru": ("::1", 443),
        "console.example.ru": ("203.0.113.10", 443),
        "hooks.example.ru": ("::1", 8443),
        "crm.example.ru": ("203.0.113.20", 443),
    }
    assert doors.doors["vault.example.ru"].authority == "own"
    assert "BEGIN CERTIFICATE" in doors.doors["crm.example.ru"].authority
    assert doors.base("https://hooks.example.ru") == "https://[::1]:8443"


def test_without_an_accepted_contract_no_order_can_arrive() -> None:
    with pytest.raises(EnvProblem, match="the link is closed"):
        doors_of(environment(settings("private")), {})


def test_an_edge_whose_address_nobody_tells_is_named(opened: Opened) -> None:
    own = opened("private", edge__addresses=[])
    with pytest.raises(EnvProblem, match=r"vault\.example\.ru") as caught:
        doors_of(environment(own), {})
    assert "--resolve" in caught.value.hint


def test_a_half_ends_with_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise EnvProblem("there is no environment shop here")

    monkeypatch.setattr(halves, "open_environment", broken)
    told = halves.half("public", "shop", {}, {"order": "ord_1", "tenant": "trial", "records": 1})
    assert told["ok"] is False
    assert told["steps"][0]["error"] == "there is no environment shop here"
