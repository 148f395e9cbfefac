"""Processes at rest: none stays so because another could not be called back, or because a command was killed."""

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from scripts.env.ending import in_order
from scripts.env.environment import Environment
from scripts.env.errors import ClusterRefused
from scripts.env.place import Contour
from scripts.env.quiet import AtRest, call_back, mark_of, resting
from scripts.env.sizes import sizes
from scripts.env.verbs.status import _state

BEFORE = {"edge": 2, "vault": 3, "worker": 1}


@dataclass
class Deployments:
    """Keeps how many processes each has; `refuses` are those that are not called back. The state has two of `vault`."""

    folder: Path
    refuses: tuple[str, ...] = ()
    now: dict[str, int] = field(default_factory=lambda: dict(BEFORE))

    def request(self, method: str, path: str, *, body: Any = None, **_: Any) -> Any:
        if method == "PATCH":
            name, replicas = path.split("/")[-2], body["spec"]["replicas"]
            if replicas and name in self.refuses:
                raise ClusterRefused(f"{name} is not scaled", status=403)
            self.now[name] = replicas
            return {}
        if path.endswith("/pods"):
            return {"items": []}
        return {"items": [{"metadata": {"name": name}, "spec": {"replicas": now}} for name, now in self.now.items()]}

    def of(self) -> Environment:
        named = SimpleNamespace(vault_namespace="vault")
        contour = Contour("shop", "private", self.folder)
        stack = SimpleNamespace(exported=lambda: {"resources": [DEPLOYMENT, AUTOSCALER]})
        made = SimpleNamespace(settings=named, contour=contour, cluster=lambda: self, engines=[stack])
        return cast("Environment", made)


def resource(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    inputs = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "vault", "namespace": "vault"}, "spec": spec}
    return {"type": f"kubernetes:apps/v1:{kind}", "inputs": inputs}


DEPLOYMENT = resource("Deployment", {})
AUTOSCALER = resource(
    "HorizontalPodAutoscaler", {"scaleTargetRef": {"kind": "Deployment", "name": "vault"}, "minReplicas": 2}
)


@pytest.fixture
def cluster(tmp_path: Path) -> Deployments:
    return Deployments(tmp_path)


def killed(cluster: Deployments) -> None:
    """As SIGKILL leaves it: all at rest, and the mark of a process that is gone."""
    mark_of(cluster.of().contour).set({"replicas": BEFORE})
    mark_of(cluster.of().contour).disown()
    cluster.now = dict.fromkeys(BEFORE, 0)


def test_all_rest_and_all_come_back(cluster: Deployments) -> None:
    with resting(cluster.of()):
        assert set(cluster.now.values()) == {0}
        held = mark_of(cluster.of().contour).held() or {}
        assert held["replicas"] == BEFORE
    assert cluster.now == BEFORE
    assert mark_of(cluster.of().contour).held() is None


def test_one_that_cannot_be_called_back_keeps_no_other_at_rest(
    cluster: Deployments, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.refuses = ("edge", "vault")
    with pytest.raises(ClusterRefused, match="edge is not scaled"), resting(cluster.of()):
        pass
    assert cluster.now == {"edge": 0, "vault": 0, "worker": 1}
    told = capsys.readouterr().err
    assert "edge is still at rest, and had 2" in told
    assert "vault is still at rest, and had 3" in told
    assert "larets env unlock" in told
    cluster.refuses = ()
    assert call_back(cluster.of()) == ["edge", "vault"]
    assert cluster.now == BEFORE


def test_the_next_one_knows_how_many_there_were_before_one_that_was_killed(cluster: Deployments) -> None:
    killed(cluster)
    with resting(cluster.of()):
        assert set(cluster.now.values()) == {0}
    assert cluster.now == BEFORE


def test_what_was_killed_is_called_back_without_another_restore(cluster: Deployments) -> None:
    killed(cluster)
    cluster.now["worker"] = 4  # somebody called this one by hand
    assert call_back(cluster.of()) == ["edge", "vault"]
    assert cluster.now == {**BEFORE, "worker": 4}
    assert call_back(cluster.of()) == []


def test_at_rest_and_no_mark_they_get_what_the_stack_has(cluster: Deployments) -> None:
    cluster.now = dict.fromkeys(BEFORE, 0)
    assert call_back(cluster.of()) == []  # nothing says that a command of ours did it
    with resting(cluster.of()):
        pass
    assert cluster.now == {"edge": 1, "vault": 2, "worker": 1}
    cluster.now["vault"] = 0
    assert call_back(cluster.of(), unmarked=True) == ["vault"]
    assert cluster.now["vault"] == 2


def test_two_commands_do_not_rest_the_same_processes(cluster: Deployments) -> None:
    with resting(cluster.of()):
        with pytest.raises(AtRest) as refused, resting(cluster.of()):
            pytest.fail("they are another command's")
        assert set(cluster.now.values()) == {0}
    assert "unlock --force" in refused.value.hint
    assert cluster.now == BEFORE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_told_to_end_calls_them_back(cluster: Deployments, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as ended, in_order(), resting(cluster.of()):
        os.kill(os.getpid(), number)
    assert ended.value.code == 128 + number
    assert cluster.now == BEFORE
    assert signal.getsignal(number) is before


def test_one_that_may_not_be_hung_up_is_not(cluster: Deployments) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with in_order(), resting(cluster.of()):
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert cluster.now == BEFORE


def live(wanted: int, ready: int = 0) -> dict[str, Any]:
    return {"spec": {"replicas": wanted}, "status": {"readyReplicas": ready}}


def test_none_of_none_is_not_ready_where_the_stack_has_some() -> None:
    assert _state("Deployment", live(0), 2) == {"ready": False, "told": "at rest: 0 of 2"}
    assert _state("Deployment", live(0), 0)["ready"]
    assert _state("Deployment", live(3, 3), 2) == {"ready": True, "told": "3 of 3"}
    assert not _state("Deployment", live(3, 2), 2)["ready"]


def test_an_autoscalers_least_is_the_stacks_number() -> None:
    one, two = DEPLOYMENT["inputs"], AUTOSCALER["inputs"]
    fixed = {**one, "spec": {"replicas": 3}}
    assert sizes([one]) == {"Deployment vault/vault": 1}
    assert sizes([fixed]) == {"Deployment vault/vault": 3}
    assert sizes([two, one]) == {"Deployment vault/vault": 2}
