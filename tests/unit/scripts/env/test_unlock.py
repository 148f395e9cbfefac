"""`larets env unlock`: which locks go, which stay, and that none stays for ever."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.env.engine import Engine
from scripts.env.environment import Environment
from scripts.env.journal import Journal, Mark, at_work
from scripts.env.locks import locks_of
from scripts.env.quiet import mark_of
from tests.support.fake_cluster import FakeCluster
from tests.unit.scripts.env.conftest import Opener, run

HERE = socket.gethostname()
GONE = 2**22 + 1  # beyond the kernel's largest number of a process
FORCED = ("unlock", "--force", "--confirm", "shop/private", "--json")


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stacks of which the engine was told something; it is not started."""
    told: list[str] = []
    monkeypatch.setattr(Engine, "forget_pending", lambda self: told.append(f"forget {self.program.stack}"))
    monkeypatch.setattr(Engine, "cancel", lambda self: told.append(f"cancel {self.program.stack}"))
    return told


@pytest.fixture
def engine_at_work(tmp_path: Path) -> Iterator[int]:
    program = tmp_path / "pulumi"
    shutil.copy2(shutil.which("sleep") or "", program)
    with subprocess.Popen([program, "600"]) as process:  # noqa: S603  a copy of sleep
        yield process.pid
        process.kill()


def locked(environment: Environment, pid: int, *, host: str = HERE) -> Path:
    engine = environment.engine("private")
    path = engine.locks / "organization" / engine.program.project / environment.contour.stack / "a.json"
    path.parent.mkdir(parents=True)
    held = {"pid": pid, "username": "anna", "hostname": host, "timestamp": "2026-11-29T12:00:00Z"}
    path.write_text(json.dumps(held))
    return path


def deployments(cluster: FakeCluster, now: dict[str, int]) -> None:
    """`now`: how many each has."""
    path = "/apis/apps/v1/namespaces/vault/deployments"
    cluster.answers[path] = {
        "items": [{"metadata": {"name": name}, "spec": {"replicas": one}} for name, one in now.items()]
    }
    cluster.answers |= {f"{path}/{name}/scale": {} for name in now}


def test_the_lock_of_a_killed_command_goes(opened: Opener, forgotten: list[str]) -> None:
    path = locked(opened(), GONE)
    done = run("unlock", "--json")
    assert done.exit_code == 0, done.output
    assert [one["stack"] for one in json.loads(done.stdout)["removed"]] == ["private"]
    assert forgotten == ["forget private"]
    assert not path.exists()


def test_a_number_that_another_program_has_by_now_keeps_no_lock(opened: Opener, forgotten: list[str]) -> None:
    path = locked(opened(), os.getpid())
    assert run("unlock").exit_code == 0
    assert forgotten == ["forget private"]
    assert not path.exists()


@pytest.mark.parametrize("host", [HERE, "a-runner-that-is-gone"], ids=["the engine runs", "another machine"])
def test_one_whose_holder_may_be_at_work_goes_only_by_force_and_name(
    opened: Opener, forgotten: list[str], engine_at_work: int, host: str, cluster: FakeCluster
) -> None:
    deployments(cluster, {})
    pid = engine_at_work if host == HERE else GONE
    path = locked(opened(), pid, host=host)
    refused = run("unlock")
    assert refused.exit_code == 1
    assert "may be at work" in refused.stderr
    assert "larets env unlock --force" in refused.stderr
    assert run("unlock", "--force", "--confirm", "shop/public").exit_code == 1
    assert path.exists()
    assert forgotten == []
    done = run(*FORCED)
    assert done.exit_code == 0
    assert f"process {pid}" in done.stderr
    assert not path.exists()
    assert forgotten == ["forget private"]


def test_what_locks_a_bucket_only_the_engine_sees_and_takes_away(
    opened: Opener, forgotten: list[str], cluster: FakeCluster
) -> None:
    deployments(cluster, {})
    opened(state__backend="s3://a-bucket")
    refused = run("unlock")
    assert refused.exit_code == 1
    assert "nothing was locked" not in refused.output
    assert "larets env unlock --force" in refused.stderr
    assert forgotten == []
    done = run(*FORCED)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["cancelled"] == ["platform", "private"]
    assert sorted(forgotten) == ["cancel platform", "cancel private", "forget platform", "forget private"]


@pytest.mark.parametrize("backend", [{}, {"state__backend": "s3://a-bucket"}], ids=["files", "a bucket"])
def test_processes_that_a_killed_restore_left_at_rest_are_called_back(
    opened: Opener, forgotten: list[str], cluster: FakeCluster, backend: dict[str, str]
) -> None:
    contour = opened(**backend).contour
    deployments(cluster, {"vault": 0, "worker": 1})
    mark_of(contour).set({"replicas": {"vault": 3, "worker": 1}})
    mark_of(contour).disown()
    done = run("unlock", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"removed": [], "cancelled": [], "called_back": ["vault"]}
    assert cluster.changed == ["PATCH /apis/apps/v1/namespaces/vault/deployments/vault/scale"]
    assert mark_of(contour).held() is None
    assert forgotten == []


def test_those_that_a_restore_has_at_rest_stay_so(opened: Opener, forgotten: list[str], cluster: FakeCluster) -> None:
    contour = opened().contour
    deployments(cluster, {"vault": 0})
    mark_of(contour).set({"replicas": {"vault": 3}})
    assert run("unlock").stdout == "nothing was locked\n"
    assert cluster.changed == []
    assert mark_of(contour).held()
    assert json.loads(run(*FORCED).stdout)["called_back"] == ["vault"]
    assert mark_of(contour).held() is None
    assert forgotten == []


def test_status_tells_of_processes_that_were_left_at_rest(opened: Opener, cluster: FakeCluster) -> None:
    contour = opened().contour
    assert cluster.kubeconfig.exists()
    assert run("status").exit_code == 0
    mark_of(contour).set({"replicas": {"vault": 3}})
    assert run("status").exit_code == 0  # a restore is at work
    mark_of(contour).disown()
    said = run("status")
    assert said.exit_code == 1
    assert "AT REST" in said.stdout
    assert "restore --back" in said.stdout
    assert json.loads(run("status", "--json").stdout)["at_rest"]["replicas"] == {"vault": 3}


def test_by_force_the_apply_of_a_machine_that_is_gone_was_interrupted(
    opened: Opener, forgotten: list[str], cluster: FakeCluster
) -> None:
    journal = Journal(opened().contour)
    deployments(cluster, {})
    journal.mark.set({"digest": "d"})
    assert journal.interrupted() is None
    assert run(*FORCED).exit_code == 0
    assert (journal.interrupted() or {})["digest"] == "d"
    assert forgotten == []


def test_without_a_lock_nothing_is_done(opened: Opener, forgotten: list[str]) -> None:
    opened()
    assert run("unlock").stdout == "nothing was locked\n"
    assert forgotten == []


def test_a_mark_is_of_one_process_and_of_no_other_with_its_number(tmp_path: Path) -> None:
    mark = Mark(tmp_path / "mark.json")
    assert mark.held() is mark.left() is None
    mark.set({"digest": "d"})
    held: dict[str, Any] = mark.held() or {}
    assert held["digest"] == "d"
    assert mark.left() is None, "it is at work: it is this one"
    (tmp_path / "mark.json").write_text(json.dumps(held | {"started": "another boot 1"}))
    assert mark.left()
    mark.clear()
    assert mark.held() is None


def test_who_says_nothing_of_its_start_is_known_by_its_program(engine_at_work: int) -> None:
    held = {"hostname": HERE, "pid": engine_at_work}
    assert at_work(held, program="pulumi")
    assert not at_work(held, program="larets")
    assert at_work(held)


def test_a_lock_of_another_project_is_not_this_ones(opened: Opener) -> None:
    environment = opened()
    path = environment.engine("private").locks / "organization" / "another" / "b.json"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    assert locks_of(environment.engines) == []
