"""A state that is not in the contour's folder goes into a backup, and back with the files, and back again."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from scripts.env import backup, beside
from scripts.env.backup import take
from scripts.env.engine import Engine
from scripts.env.environment import Environment
from scripts.env.errors import EngineFailed
from tests.unit.scripts.env.conftest import Opener, run

RESTORE = ("restore", "--confirm", "shop/private", "--without-database")

States = dict[str, Any]


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> States:
    """What the backend holds, by stack; the engine is not started. `broken`: it takes nothing."""
    held: States = {"platform": {"version": 3, "deployment": "of then"}}

    def sealed(engine: Engine) -> Any:
        return held.get(engine.program.stack, {})

    def bring(engine: Engine, state: Any) -> None:
        if "broken" in held:
            raise EngineFailed("the bucket does not answer")
        held[engine.program.stack] = state

    monkeypatch.setattr(Engine, "sealed_state", sealed)
    monkeypatch.setattr(Engine, "bring_state", bring)
    monkeypatch.setattr(backup, "schema_of", lambda _: "0005")
    monkeypatch.setattr(beside, "put_aside", lambda _: [])  # no restore of a database
    return held


@pytest.fixture(params=["s3://a-bucket", "file:///elsewhere"])
def environment(request: pytest.FixtureRequest, opened: Opener, states: States) -> Environment:
    del states
    return opened(state__backend=request.param)


def taken(environment: Environment, path: Path) -> Path:
    take(environment, path, database=False)
    return path


def later(states: States, environment: Environment) -> None:
    states["platform"] = {"version": 3, "deployment": "of later"}
    settings = environment.contour.settings
    settings.write_text(settings.read_text() + "# later\n")


def test_the_state_is_in_the_backup_and_comes_back_and_goes_back(
    environment: Environment, states: States, tmp_path: Path
) -> None:
    path = taken(environment, tmp_path / "one.backup")
    with tarfile.open(path) as archive:
        held = archive.extractfile("./exported/platform.json")
        assert held
        assert json.load(held) == states["platform"]
    later(states, environment)
    done = run(*RESTORE, str(path))
    assert done.exit_code == 0, done.output
    assert states["platform"]["deployment"] == "of then"
    assert not environment.contour.settings.read_text().endswith("# later\n")
    assert run("restore", "--back", "--confirm", "shop/private").exit_code == 0
    assert states["platform"]["deployment"] == "of later"
    assert environment.contour.settings.read_text().endswith("# later\n")
    assert not (environment.contour.folder / "exported").exists()


def test_a_backup_that_cannot_have_the_state_is_none(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Engine) -> Any:
        raise EngineFailed("the bucket does not answer")

    monkeypatch.setattr(Engine, "sealed_state", fails)
    said = run("backup", "--without-database", "--out", str(tmp_path / "one.backup"))
    assert said.exit_code == 1
    assert "the bucket does not answer" in said.stderr
    assert not (tmp_path / "one.backup").exists()
    assert environment.contour.settings.exists()


def test_a_state_that_cannot_be_brought_back_says_how_to_go_on(
    environment: Environment, states: States, tmp_path: Path
) -> None:
    path = taken(environment, tmp_path / "one.backup")
    later(states, environment)
    states["broken"] = True
    said = run(*RESTORE, str(path))
    assert said.exit_code == 1
    assert "the bucket does not answer" in said.stderr
    assert "restore --back" in said.stderr
    del states["broken"]
    assert run("restore", "--back", "--confirm", "shop/private").exit_code == 0
    assert states["platform"]["deployment"] == "of later"
    assert environment.contour.settings.read_text().endswith("# later\n")


def test_a_state_in_the_folder_is_taken_as_files(opened: Opener, states: States, tmp_path: Path) -> None:
    environment = opened()
    (environment.contour.state / "a-file").write_text("of the engine")
    path = taken(environment, tmp_path / "one.backup")
    with tarfile.open(path) as archive:
        names = archive.getnames()
    assert "./state/a-file" in names
    assert not [name for name in names if "exported" in name]
    assert states
