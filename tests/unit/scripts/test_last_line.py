"""`make tools`, `make images` and both rehearsals end with one JSON object, also where they fail before a check."""

import json
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
import typer
from typer.testing import CliRunner

from scripts.images import command as images
from scripts.images.errors import ImageProblem
from scripts.rehearse import command as shallow
from scripts.rehearse.deep import command as deep
from scripts.rehearse.plane import PlaneProblem
from scripts.tools import command as tools
from scripts.tools.build import Made
from scripts.tools.tool import ToolProblem


def raising(problem: Exception) -> Callable[..., NoReturn]:
    def act(*_: object, **__: object) -> NoReturn:
        raise problem

    return act


def last(cli: typer.Typer, *words: str) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(cli, words)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert {"rehearsal", "provider", "checks", "seconds"} <= set(told)
    return done.exit_code, told


def test_a_tool_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "make", raising(ToolProblem("no compiler", hint="install one")))
    monkeypatch.setattr(tools, "is_made", lambda tool: tool.name == "etcd")
    code, told = last(tools.cli, "etcd", "vault", "--line")
    assert (code, told["checks"]) == (1, {"etcd": "pass", "vault": "fail"})


def test_an_image_that_cannot_be_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "choose", lambda _: None)
    monkeypatch.setattr(images, "build", raising(ImageProblem("no base", hint="name one")))
    monkeypatch.setattr(images, "ready", lambda names, **_: {"edge": None} if names == ["edge"] else None)
    code, told = last(images.cli, "vault", "edge")
    assert (code, told["checks"], told["failed"]) == (1, {"vault": "fail", "edge": "pass"}, "no base")


@pytest.mark.parametrize("problem", [ToolProblem("no compiler", hint="install one"), PlaneProblem("no etcd")])
def test_a_rehearsal_whose_tools_or_planes_are_not_there(monkeypatch: pytest.MonkeyPatch, problem: Exception) -> None:
    monkeypatch.setattr(shallow, "make", raising(problem))
    code, told = last(shallow.cli)
    assert (code, told["rehearsal"], set(told["checks"].values())) == (1, "shallow", {"fail"})


def test_a_deep_rehearsal_that_may_not_run_or_lacks_something(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deep, "lacking", lambda: [("it needs root", "sudo")])
    code, told = last(deep.cli)
    assert (code, told["failed"], set(told["checks"].values())) == (1, "it needs root", {"fail"})
    monkeypatch.setattr(deep, "lacking", list)
    monkeypatch.setattr(deep, "make", raising(ToolProblem("no compiler", hint="install one")))
    code, told = last(deep.cli)
    assert (code, told["failed"]) == (1, "no compiler")


def test_the_twin_what_is_made_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "make", lambda _: [Made("etcd", "3.6", 0.0, ())])
    code, told = last(tools.cli, "etcd", "--line")
    assert (code, told["checks"]) == (0, {"etcd": "pass"})
