"""A new passphrase of the state: at no moment is a stack under one that stands nowhere."""

import base64
import hashlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from scripts.env import sealing
from scripts.env.engine import Engine
from scripts.env.environment import Environment, open_environment
from scripts.env.errors import EngineFailed, EnvProblem
from scripts.env.passphrase import HalfRotated
from scripts.env.rekey import is_under
from scripts.env.rotate import new_passphrase
from scripts.env.sealing import Sealer
from scripts.env.standing import refuse_what_is_over
from tests.unit.scripts.env.conftest import Again, Opener, run

STACKS = ("platform", "private")


def salt(passphrase: str) -> str:
    key = hashlib.pbkdf2_hmac("sha256", passphrase.encode(), b"12345678", sealing.ROUNDS, 32)
    return f"v1:{base64.b64encode(b'12345678').decode()}:{Sealer(AESGCM(key)).seal('pulumi')}"


@dataclass
class Stacks:
    """Stands for the engine: writes the configuration, then the state; `at` is where it is cut off, and by what."""

    states: dict[str, str] = field(default_factory=dict)  # salt by stack, wherever the backend is
    at: tuple[str, str] = ("", "")
    by: BaseException | signal.Signals = field(default_factory=KeyboardInterrupt)
    changed: list[str] = field(default_factory=list)

    def begin(self, environment: Environment) -> None:
        for engine in environment.engines:
            self._write(engine, environment.passphrase.text())
            self.states[engine.program.stack] = engine.salt

    def change(self, engine: Engine, fresh: str) -> None:
        name = engine.program.stack
        former = engine.passphrase.text()
        sealing.sealer(engine.salt, former)  # as the engine would refuse it
        sealing.sealer(self.states[name], former)
        self._stop(name, "before")
        self._write(engine, fresh)
        self._stop(name, "between")
        self.states[name] = engine.salt
        self.changed.append(name)
        self._stop(name, "after")

    def sealed(self, engine: Engine) -> dict[str, Any]:
        told = {"type": "passphrase", "state": {"salt": self.states[engine.program.stack]}}
        return {"version": 3, "deployment": {"secrets_providers": told}}

    def _stop(self, name: str, when: str) -> None:
        if (name, when) != self.at:
            return
        if isinstance(self.by, signal.Signals):
            os.kill(os.getpid(), self.by)
        else:
            raise self.by

    def _write(self, engine: Engine, passphrase: str) -> None:
        engine.folder.mkdir(parents=True, exist_ok=True)
        engine.file.write_text(
            yaml.safe_dump({"encryptionsalt": salt(passphrase), "config": {"larets:of": passphrase}})
        )


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> Stacks:
    made = Stacks()
    monkeypatch.setattr(sealing, "ROUNDS", 10)
    monkeypatch.setattr(Engine, "known", True)

    def change(engine: Engine, fresh: str) -> None:
        made.change(engine, fresh)

    def sealed(engine: Engine) -> dict[str, Any]:
        return made.sealed(engine)

    monkeypatch.setattr(Engine, "change_passphrase", change)
    monkeypatch.setattr(Engine, "sealed_state", sealed)
    return made


@pytest.fixture(params=["in the folder", "in a bucket"])
def environment(request: pytest.FixtureRequest, opened: Opener, stacks: Stacks) -> Environment:
    made = opened(**({} if request.param == "in the folder" else {"state__backend": "s3://a-bucket"}))
    stacks.begin(made)
    return made


def again() -> Environment:
    return open_environment("shop", "private")


def whole(environment: Environment) -> None:
    """Every stack opens by the passphrase that is kept, and nothing tells of a rotation."""
    text = environment.passphrase.text()
    for engine in environment.engines:
        assert is_under(engine, text)
        assert engine.plain_values()["of"] == text, "the configuration is of the same passphrase as its salt"
    assert not environment.contour.upcoming.exists()
    assert not list(environment.contour.folder.rglob("*.before"))


def test_every_stack_is_under_a_new_one(environment: Environment, stacks: Stacks) -> None:
    old = environment.passphrase.text()
    new_passphrase(environment)
    assert again().passphrase.text() != old
    assert stacks.changed == list(STACKS)
    whole(again())


@pytest.mark.parametrize("at", STACKS)
@pytest.mark.parametrize("when", ["before", "between", "after"])
@pytest.mark.parametrize("by", [KeyboardInterrupt(), signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_cut_off_anywhere_the_next_run_finishes_it(
    environment: Environment, stacks: Stacks, at: str, when: str, by: BaseException | signal.Signals
) -> None:
    old = environment.passphrase.text()
    stacks.at, stacks.by = (at, when), by
    cut = run("rotate", "passphrase")
    assert cut.exit_code != 0
    assert "larets env rotate passphrase" in cut.stderr
    upcoming = environment.contour.upcoming
    assert upcoming.stat().st_mode & 0o077 == 0
    fresh = upcoming.read_text().strip()
    assert fresh not in cut.output
    for engine in environment.engines:  # each is under one that stands in a file
        text = fresh if is_under(engine, fresh) else old
        sealing.sealer(stacks.states[engine.program.stack], text)
    stacks.at = ("", "")
    done = run("rotate", "passphrase")
    assert done.exit_code == 0, done.output
    assert "going on with a rotation" in done.stderr
    assert again().passphrase.text() == fresh
    assert sorted(stacks.changed) == sorted(STACKS), "none was encrypted twice"
    whole(again())


@pytest.mark.parametrize("when", ["before", "between"])
def test_an_engine_that_fails_at_the_first_stack_leaves_all_as_it_was(
    environment: Environment, stacks: Stacks, when: str
) -> None:
    old = environment.passphrase.text()
    stacks.at, stacks.by = ("platform", when), EngineFailed("the disk is full")
    with pytest.raises(EngineFailed, match="the disk is full"):
        new_passphrase(environment)
    assert again().passphrase.text() == old
    whole(again())


def test_one_that_fails_later_keeps_both_until_it_is_gone_on_with(environment: Environment, stacks: Stacks) -> None:
    stacks.at, stacks.by = ("private", "between"), EngineFailed("the disk is full")
    failed = run("rotate", "passphrase")
    assert failed.exit_code == 1
    assert "the disk is full" in failed.stderr
    assert environment.contour.upcoming.exists()
    stacks.at = ("", "")
    assert run("rotate", "passphrase").exit_code == 0
    whole(again())


def test_meanwhile_nothing_is_asked_of_the_engine_nor_put_into_its_configuration(
    environment: Environment, stacks: Stacks
) -> None:
    stacks.at = ("private", "before")
    with pytest.raises(KeyboardInterrupt):
        new_passphrase(environment)
    with pytest.raises(HalfRotated) as refused:
        refuse_what_is_over(environment)  # plan, apply
    assert "larets env rotate passphrase" in refused.value.hint
    engine = environment.engine("private")
    asked: list[Callable[[], Any]] = [engine.exported, engine.outputs, lambda: engine.set_values({"x": ("y", True)})]
    for ask in asked:  # drift, status, give
        with pytest.raises(HalfRotated):
            ask()
    for command in (("rotate", "certificates"), ("backup",), ("destroy", "--confirm", "shop/private"), ("seal",)):
        said = run(*command)
        assert said.exit_code == 1
        assert "was begun and not finished" in said.stderr


def test_a_sealed_passphrase_has_no_successor_in_the_clear(moved: Again, stacks: Stacks) -> None:
    environment = moved()
    stacks.begin(environment)
    stacks.at = ("private", "between")
    with pytest.raises(KeyboardInterrupt):
        new_passphrase(environment)
    upcoming = environment.contour.upcoming.read_text()
    assert upcoming.startswith("vault:v1:")
    stacks.at = ("", "")
    new_passphrase(moved())
    assert moved().contour.sealed.read_text() == upcoming
    whole(moved())


def test_a_key_service_that_is_away_is_told_before_anything_is_changed(
    moved: Again, stacks: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = moved()
    stacks.begin(environment)

    def away(*_: object) -> str:
        raise EnvProblem("the key service does not answer")

    monkeypatch.setattr(type(environment.passphrase), "prepared", away)
    with pytest.raises(EnvProblem, match="does not answer"):
        new_passphrase(environment)
    assert stacks.changed == []
    assert not environment.contour.upcoming.exists()
