"""The check that loses a whole cluster sees a wrong one taken, what was let through, and what did not come back."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
import yaml

from scripts.env.place import Side
from scripts.local.shop import Shop, buyer
from scripts.rehearse.checks import replacing
from scripts.rehearse.deep.checks import backups, bringing, losing
from scripts.rehearse.deep.checks.load import Load
from scripts.rehearse.deep.stage import DeepStage
from scripts.rehearse.stage import CheckFailed, Said
from scripts.smoke.deployed import Seat

OFFICER = SimpleNamespace(proofs=lambda: ("password", "123456"))
BEFORE, SINCE, AFTER = 100_001, 200_001, 300_001
ERASED, ERASED_SINCE, KEPT = BEFORE, BEFORE + 1, BEFORE + 2


@dataclass(slots=True)
class Half(DeepStage):
    """A half that was lost, as commands, pages and the edge tell it; `fault` names what is wrong with it."""

    fault: str = ""
    did: list[str] = field(default_factory=list)
    lost: bool = False
    back: bool = False
    again: bool = False

    def lose(self) -> None:
        self.lost = True

    def start_anew(self, side: Side) -> None:
        self.did.append(f"another {side} cluster")

    def run(self, verb: str, side: Side, *arguments: str, env: str = "", answer: str = "") -> Said:
        del env, answer
        inside = arguments[arguments.index("--") + 1 :] if "--" in arguments else ()
        words = inside[: 3 if inside[1:2] == ("journal",) else 2] if inside else (verb,)
        if self.lost:
            self.did.append(" ".join(words))
        refused = self._refused(verb, side, arguments)
        if refused and self.fault != f"{verb} takes the wrong cluster":
            return Said(1, "", f"larets: error: {refused}", 0.1)
        if refused and self.fault.startswith("restore"):
            (self.contour(side).folder / "settings.yaml").write_text("of the backup")
        return self._answer(words, inside)

    def _refused(self, verb: str, side: Side, arguments: tuple[str, ...]) -> str:
        folder = self.contour(side).folder
        if not self.lost or verb == "export":
            return ""
        if (self.folder / "private.kubeconfig").read_text() == "old":
            return "not a certificate of the kubeconfig's authority"
        if "old" in (folder / "settings.yaml").read_text():
            return "not the one"
        if verb == "restore" and "--without-files" not in arguments and "--drop-kept" not in arguments:
            return "of another cluster"
        return ""

    def _answer(self, words: tuple[str, ...], inside: tuple[str, ...]) -> Said:
        told: Any = {"plan": "plan.json", "workloads": {"vault": {"ready": True}}, "lines": 2, "written": 2}
        told["steps"] = {"create": 92}
        told["fingerprint"] = "another" if self.lost and self.fault == "another contract" else "same"
        told["replayed"] = {"replayed": 0 if self.fault == "nobody erased again" else 1}
        if words[:2] == ("subject", "find"):
            return self._found(inside[2])
        if self.fault == "half a journal":
            told["written"] = 1
        if words == ("restore",):
            self.back = True
        if words[:2] == ("audit", "verify") and self.fault == "unwitnessed":
            return Said(1, "{}", "larets: error: not witnessed", 0.1)
        if words == ("drift",) and self.fault == "drift":
            return Said(3, "{}", "larets: error: drift", 0.1)
        return Said(0, json.dumps(told), "", 0.1)

    def _found(self, subject: str) -> Said:
        number = int(subject.removeprefix("sub_"))
        gone = number == SINCE and self.fault != "who came later is there"
        gone |= number == KEPT and self.fault == "who was in the backup is gone"
        if gone:
            return Said(1, "[]", "nobody was found", 0.1)
        back = {"back": ERASED_SINCE, "back from the backup": ERASED}.get(self.fault)
        active = number in {KEPT, SINCE, back}
        return Said(0, json.dumps([{"state": "active" if active else "blocked"}]), "", 0.1)

    # -- pages ---------------------------------------------------------------------------------------------------
    def card(self, number: int) -> dict[str, Any] | None:
        if self.lost and not self.back and self.fault == "the public half is away":
            return None
        return {"contact_tokens": {"phone": [f"tok_{number}"]}}

    def reveal(self, token: str) -> Mapping[str, Any]:
        number = int(token.removeprefix("tok_"))
        shown = {KEPT} | ({SINCE} if self.again else set())
        shown |= {ERASED_SINCE} if self.fault == "an erased phone" else set()
        shown -= {KEPT} if self.fault == "no phone" else set()
        return {"value": buyer(number).phone} if number in shown else {}

    def send(self, _topic: str, payload: Mapping[str, Any], **_: Any) -> httpx.Response:
        self.again = payload["id"] == SINCE and self.fault != "sent again in vain"
        code = 200 if self.back or self.fault == "serves before the restore" else 503
        return httpx.Response(code, request=httpx.Request("POST", "https://hooks.larets.test"))


@pytest.fixture
def half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Half:
    plane = SimpleNamespace(kubeconfig=lambda: "new")
    nodes: Any = {"private": SimpleNamespace()}
    made = Half(tmp_path, {"private": cast("Any", plane)}, nodes=nodes)
    made.nodes["private"].lose = made.lose  # type: ignore[method-assign]
    folder = made.contour("private").folder
    (folder / "plans").mkdir(parents=True)
    (folder / "state").mkdir()
    (folder / "plans" / "1.json").write_text("{}")
    (folder / "settings.yaml").write_text(yaml.safe_dump({"cluster": {"identifier": "old"}}))
    (tmp_path / "private.kubeconfig").write_text("old")
    made.shop = cast("Shop", SimpleNamespace(send=made.send))
    made.doors = cast("Any", SimpleNamespace(close=lambda: None))
    loads = iter([Load(Shop("", ""), "", 0, accepted=[at, at + 1, at + 2]) for at in (BEFORE, SINCE, AFTER)])

    @contextmanager
    def client(**_: Any) -> Iterator[None]:
        yield None

    monkeypatch.setattr(losing, "PATIENCE", 0.0)
    monkeypatch.setattr(backups, "PATIENCE", 0.0)
    monkeypatch.setattr(httpx, "Client", client)
    monkeypatch.setattr(Half, "cluster", lambda *_: SimpleNamespace(identifier=lambda: "new"))
    monkeypatch.setattr(backups, "staff", lambda _, roles: dict.fromkeys(roles, OFFICER))
    monkeypatch.setattr(backups, "orders", lambda _: next(loads))
    monkeypatch.setattr(backups, "subjects", lambda _, number: [f"sub_{number}"])
    monkeypatch.setattr(losing, "_seller", lambda _: cast("Seat", made))
    monkeypatch.setattr(
        replacing, "versions", lambda *_: {"touched": str(len(made.did))} if made.fault == "touched" else {}
    )
    monkeypatch.setattr(bringing, "pods_ready", lambda *_: 1)
    return made


def test_a_lost_cluster_comes_back_by_the_steps_of_the_guide(half: Half) -> None:
    told = losing.cluster_lost(half)
    assert set(told) == {
        "backup", "copy of the journal", "another cluster", "plan and apply", "journal put back", "restore",
        "new origin", "private serves again",
    }  # fmt: skip
    assert half.did == [
        "another private cluster",
        *["plan", "apply", "drift", "keys status", "backup", "restore"] * 2,  # each refused
        *("plan", "apply", "status", "export"),
        "subject journal put-back",
        *("restore", "restore"),  # whole, which is refused, and then the database alone
        *("audit new-origin", "audit verify", *["subject find"] * 4, "drift", "restore"),
    ]
    folder = half.contour("private").folder
    assert (folder / replacing.ASIDE).is_dir()
    assert not (folder / "state").exists()


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("the public half is away", "does not show an order's tokens"),
        ("plan takes the wrong cluster", "plan did not refuse"),
        ("apply takes the wrong cluster", "apply did not refuse"),
        ("exec takes the wrong cluster", "exec did not refuse"),
        ("backup takes the wrong cluster", "backup did not refuse"),
        ("restore takes the wrong cluster", "restore did not refuse"),
        ("touched", "has touched it"),
        ("another contract", "the contract is another"),
        ("half a journal", "not the copy"),
        ("serves before the restore", "an order is answered 200"),
        ("nobody erased again", "erased again: 0"),
        ("unwitnessed", "audit verify"),
        ("back", "erased after the backup is active"),
        ("back from the backup", "erased before the backup is active"),
        ("who was in the backup is gone", "in the backup is unknown"),
        ("who came later is there", "came after it is active"),
        ("an erased phone", "a phone that was erased"),
        ("no phone", "does not show its phone"),
        ("sent again in vain", "sent again does not show"),
        ("drift", "drift"),
    ],
)
def test_what_is_wrong_with_a_lost_cluster_is_told(half: Half, fault: str, told: str) -> None:
    half.fault = fault
    with pytest.raises(CheckFailed, match=told):
        losing.cluster_lost(half)
