"""`larets env drift --watch`: rounds until a signal, a line for each, the last one's exit code."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from scripts.env import watch
from scripts.env.drift import Drifted
from scripts.env.errors import ClusterAway
from scripts.env.place import VARIABLE
from scripts.env.verbs import drift
from scripts.env.watch import Round, look, rounds
from scripts.local.instance import ROOT
from tests.support.fake_cluster import FakeCluster
from tests.unit.scripts.env.conftest import Opener

GONE = Drifted("private", "Secret vault/runtime", missing=True, changes=())


def test_rounds_go_on_until_told() -> None:
    over = threading.Event()
    seen: list[str] = []
    for one in rounds(lambda: Round(str(len(seen))), 0.01, over):
        seen.append(one.at)
        if len(seen) == 3:
            over.set()
    assert seen == ["0", "1", "2"]


def test_the_pause_ends_at_once_when_told() -> None:
    over = threading.Event()
    began = time.monotonic()
    threading.Timer(0.1, over.set).start()
    assert len(list(rounds(lambda: Round("now"), 60, over))) == 1
    assert time.monotonic() - began < 30


def looked(monkeypatch: pytest.MonkeyPatch, find: Callable[[Any], Any], *locks: SimpleNamespace) -> Round:
    monkeypatch.setattr(watch, "find_drift", find)
    monkeypatch.setattr(watch, "locks_of", lambda _: locks)
    environment: Any = SimpleNamespace(engines=[])
    return look(lambda: environment)


def test_a_round_tells_what_drifted(monkeypatch: pytest.MonkeyPatch) -> None:
    one = looked(monkeypatch, lambda _: ([GONE], 70))
    assert one.as_json() | {"at": ""} == {"at": "", "objects": 70, "drift": [GONE.as_json()]}


def test_half_of_a_change_is_no_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    one = looked(monkeypatch, lambda _: ([GONE], 70), SimpleNamespace(stale=False))
    assert one.busy
    assert one.drift == ()
    # The twin: a lock that nobody holds any more hides nothing.
    assert looked(monkeypatch, lambda _: ([GONE], 70), SimpleNamespace(stale=True)).drift == (GONE,)


def test_a_round_that_could_not_be_told_says_why_and_the_next_one_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: Any) -> Any:
        raise ClusterAway("it does not answer")

    assert looked(monkeypatch, away).as_json()["failed"] == "it does not answer"


@pytest.mark.parametrize(
    ("last", "code"),
    [
        ([Round("1")], 0),
        ([Round("1", drift=(GONE,))], 3),
        ([Round("1", failed="away")], 1),
        ([Round("1", drift=(GONE,)), Round("2")], 0),
        ([Round("1", drift=(GONE,)), Round("2", busy=True)], 3),
    ],
    ids=["none", "drift", "untold", "put right", "busy"],
)
def test_the_exit_code_is_the_last_rounds(
    last: list[Round], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(drift, "rounds", lambda *_: iter(last))
    monkeypatch.setattr(drift, "until_told", threading.Event)
    never: Any = None
    assert drift._watch(never, 1, as_json=True) == code
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["at"] for line in lines] == [one.at for one in last]


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_the_command_looks_again_and_ends_when_told(
    opened: Opener, cluster: FakeCluster, environments: Path, told: signal.Signals
) -> None:
    """A process of its own. Of a stack that was never brought up there is nothing to look at, and no drift."""
    opened()
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.main", "env", "drift", "--contour", "private", "--watch", "1", "--json"],
        cwd=ROOT,
        env=os.environ | {VARIABLE: str(environments)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        first, second = (json.loads(process.stdout.readline()) for _ in range(2))
        cluster.answers["/api/v1/namespaces/kube-system"] = {"metadata": {"uid": "another"}}
        while "failed" not in json.loads(process.stdout.readline()):
            pass
        del cluster.answers["/api/v1/namespaces/kube-system"]
        process.send_signal(told)
        assert process.wait(timeout=60) == 1
    assert first["drift"] == second["drift"] == []
    assert cluster.changed == []


@pytest.mark.parametrize(("found", "code"), [([], 0), ([GONE], 3)], ids=["none", "drift"])
def test_without_watch_it_looks_once(
    found: list[Drifted], code: int, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened("private")
    monkeypatch.setattr(drift, "find_drift", lambda _: (found, 72))
    done = CliRunner().invoke(drift.cli, ["--contour", "private", "--json"])
    assert done.exit_code == code, done.output
    told = json.loads(done.stdout)
    assert [one["object"] for one in told["drift"]] == [one.object for one in found]
    assert told["objects"] == 72
