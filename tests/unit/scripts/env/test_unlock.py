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
from scripts.env.journal import Mark, at_work
from scripts.env.locks import locks_of
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
    opened: Opener, forgotten: list[str], engine_at_work: int, host: str
) -> None:
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


def test_what_locks_a_bucket_only_the_engine_sees_and_takes_away(opened: Opener, forgotten: list[str]) -> None:
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
