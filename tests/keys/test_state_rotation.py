"""A rotation of the state's passphrase that is cut off anywhere, and the engine's locks, with the real engine."""

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import pulumi
import pytest
import yaml
from typer.testing import CliRunner

from scripts.env import rekey
from scripts.env.backup import take
from scripts.env.command import cli
from scripts.env.engine import Engine
from scripts.env.environment import Environment, open_environment
from scripts.env.errors import EngineFailed, EnvProblem
from scripts.env.locks import locks_of
from scripts.env.passphrase import HalfRotated
from scripts.env.place import VARIABLE, contour_of
from scripts.env.rotate import new_passphrase
from tests.support.stacks import content

CANARY: Final = "canary-of-the-state"
NAMED: Final = ("--env", "shop", "--contour", "private", "--confirm", "shop/private")

Open = Callable[[], Environment]


@pytest.fixture(params=["in the folder", "elsewhere"])
def opened(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Both stacks known, each with a secret in its configuration and one in its state."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "environments"))
    contour = contour_of("shop", "private")
    place = contour.state if request.param == "in the folder" else tmp_path / "elsewhere"
    contour.folder.mkdir(parents=True)
    made = content("private", stage="rehearsal") | {"state": {"backend": f"file://{place}"}}
    contour.settings.write_text(yaml.safe_dump(made))

    def open_() -> Environment:
        return open_environment("shop", "private")

    for engine in open_().engines:
        engine.set_values({"canary": (CANARY, True)})
        remember(engine)
    return open_


def remember(engine: Engine) -> None:
    """Puts an output into the state, encrypted by the engine as it encrypts what a program told it."""
    stack = engine._stack(lambda: pulumi.export("canary", pulumi.Output.secret(CANARY)))
    stack.up()


def as_the_engine_reads_it(environment: Environment) -> set[str]:
    found = set()
    for engine in environment.engines:
        found.add(engine._stack().get_all_config()["larets:canary"].value)
        found.add(engine._stack().outputs()["canary"].value)
    return found


def test_all_of_it_is_under_the_new_one_and_nothing_of_it_under_the_old(opened: Open) -> None:
    environment = opened()
    old = environment.passphrase.text()
    new_passphrase(environment)
    assert as_the_engine_reads_it(opened()) == {CANARY}
    assert opened().passphrase.text() != old
    for engine in opened().engines:
        assert rekey.is_under(engine, opened().passphrase.text())
        assert not rekey.is_under(engine, old)
    assert not opened().contour.upcoming.exists()
    assert not list(opened().contour.folder.rglob("*.before"))


@pytest.mark.parametrize("when", ["before", "between", "after"])
def test_cut_off_at_the_second_stack_the_next_run_goes_on(
    opened: Open, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = opened()
    old, real = environment.passphrase.text(), Engine.change_passphrase

    def cut_off(self: Engine, fresh: str) -> None:
        if self.program.stack != "private":
            real(self, fresh)
            return
        if when != "before":
            state = self.state.read_bytes()
            real(self, fresh)
            if when == "between":  # the engine writes its configuration first
                self.state.write_bytes(state)
        raise KeyboardInterrupt

    with monkeypatch.context() as then:
        then.setattr(Engine, "change_passphrase", cut_off)
        with pytest.raises(KeyboardInterrupt):
            new_passphrase(environment)
    contour = environment.contour
    assert contour.upcoming.stat().st_mode & 0o077 == 0
    assert opened().passphrase.text() == old
    with pytest.raises(HalfRotated):
        opened().engine("private").set_values({"other": ("x", True)})
    fresh = contour.upcoming.read_text().strip()
    new_passphrase(opened())
    assert opened().passphrase.text() == fresh
    assert as_the_engine_reads_it(opened()) == {CANARY}
    assert not list(contour.folder.rglob("*.before"))


def test_the_engine_killed_while_it_encrypts(opened: Open) -> None:
    """At several moments after a stack was begun; whatever each leaves, the next run finishes it."""
    script = "import sys; from scripts.env.environment import open_environment as o; from scripts.env.rotate import *; "
    script += "new_passphrase(o('shop', 'private'))"
    cut: list[bool] = []
    for delay in (0.0, 0.7, 2.0):
        with subprocess.Popen([sys.executable, "-c", script], start_new_session=True) as process:  # noqa: S603
            while process.poll() is None and not list(opened().contour.folder.rglob("*.before")):
                time.sleep(0.05)
            time.sleep(delay)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        cut.append(opened().contour.upcoming.exists())
        for lock in locks_of(opened().engines):
            lock.path.unlink()
        new_passphrase(opened())
        assert as_the_engine_reads_it(opened()) == {CANARY}
    assert cut[0], "it was over before it could be killed"


def test_an_engine_that_fails_before_any_stack_is_under_it_leaves_all_as_it_was(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = opened()
    old, real = environment.passphrase.text(), Engine.change_passphrase

    def half(self: Engine, fresh: str) -> None:
        state = self.state.read_bytes()
        real(self, fresh)
        self.state.write_bytes(state)
        raise EngineFailed

    with monkeypatch.context() as then:
        then.setattr(Engine, "change_passphrase", half)
        with pytest.raises(EnvProblem):
            new_passphrase(environment)
    assert not environment.contour.upcoming.exists()
    assert opened().passphrase.text() == old
    assert as_the_engine_reads_it(opened()) == {CANARY}


def test_a_backup_holds_the_state_encrypted_and_a_restore_brings_it_back(opened: Open, tmp_path: Path) -> None:
    environment = opened()
    path = tmp_path / "one.backup"
    take(environment, path, database=False)
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    assert not [one for one in (tmp_path / "unpacked").rglob("*") if one.is_file() and CANARY in one.read_text()]
    [engine] = [one for one in environment.engines if one.program.stack == "private"]
    stack = engine._stack(lambda: pulumi.export("canary", "of later"))
    stack.up()
    done = CliRunner().invoke(cli, ["restore", str(path), *NAMED, "--without-database"])
    assert done.exit_code == 0, done.output
    assert as_the_engine_reads_it(opened()) == {CANARY}


def test_the_engine_takes_away_what_locks_a_stack(opened: Open) -> None:
    engine = opened().engine("private")
    path = engine.locks / "organization" / engine.program.project / opened().contour.stack / "a.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"pid": 1, "username": "u", "hostname": "gone", "timestamp": "2026-11-29T12:00:00Z"}))
    with pytest.raises(EnvProblem):
        engine.change_passphrase("refused while it is locked")
    engine.cancel()
    assert locks_of(opened().engines) == []
    engine.cancel()  # nothing is locked, and that is well
