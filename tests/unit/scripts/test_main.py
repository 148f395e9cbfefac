"""The `larets` command ends with what to do when the instance is away, and sets up what a check needs."""

import errno
import importlib
import subprocess
import sys
from types import ModuleType
from typing import Any

import httpx
import psycopg
import pytest

from scripts import commands, group, main


def ends_with(problem: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What is told on standard error when a command ends with this problem."""

    def command(*_: Any, **__: Any) -> None:
        raise problem

    monkeypatch.setattr(group.LazyGroup, "__call__", command)
    with pytest.raises(SystemExit) as ended:
        main.main()
    told = capsys.readouterr()
    assert (ended.value.code, told.out) == (1, "")
    return told.err


@pytest.mark.parametrize("problem", [httpx.ConnectError("x"), psycopg.OperationalError("x"), ConnectionRefusedError()])
def test_an_instance_that_is_away(
    problem: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "make up" in ends_with(problem, monkeypatch, capsys)


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    told = ends_with(OSError(errno.ENOSPC, "No space left on device", "data"), monkeypatch, capsys)
    assert "No space left on device: data" in told
    assert "free some space" in told


def test_what_nobody_foresaw_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def command(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(group.LazyGroup, "__call__", command)
    with pytest.raises(RuntimeError):
        main.main()


@pytest.fixture
def set_up(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Modules are missing until the set-up has run; gives the set-ups that were run."""
    done: list[list[str]] = []

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        assert options["stdout"] is sys.stderr, "standard output is for the result"
        done.append(command[1:])
        return subprocess.CompletedProcess(command, 0)

    def import_module(name: str) -> ModuleType:
        if not done:
            raise ModuleNotFoundError(name=name)
        return ModuleType(name)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(importlib, "import_module", import_module)
    return done


@pytest.mark.parametrize("name", sorted(main.CHECKS))
def test_a_check_sets_up_what_it_needs(name: str, set_up: list[list[str]]) -> None:
    assert main.load_command(name).__name__ == commands.COMMANDS[name][0]
    assert set_up == [["scripts/bootstrap.py", "dev"]]


def test_another_command_does_not(set_up: list[list[str]]) -> None:
    with pytest.raises(ModuleNotFoundError):
        main.load_command("status")
    assert set_up == []
