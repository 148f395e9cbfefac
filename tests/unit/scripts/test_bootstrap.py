"""Setting up works where the machine brings no Node.js, an old one, or a second set-up at the same moment."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import bootstrap


def a_program(folder: Path, name: str, says: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\necho {says}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("programs", "expected"),
    [
        ({}, "wheel"),
        ({"npm": "11.4.2"}, "wheel"),
        ({"npm": "6.14.4", "node": "v12.22.9"}, "wheel"),
        ({"npm": "", "node": "v22.0.0"}, "wheel"),
        ({"npm": "11.4.2", "node": "v22.0.0"}, "machine"),
    ],
    ids=["none", "npm without node", "old", "npm that does not run", "good"],
)
def test_npm_of_the_machine_is_used_when_it_works(
    programs: dict[str, str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, says in programs.items():
        a_program(tmp_path, name, says)
    monkeypatch.setenv("PATH", str(tmp_path))
    command = bootstrap.npm_command()
    assert (command == [str(tmp_path / "npm")]) == (expected == "machine")


def test_the_wheel_has_an_npm() -> None:
    done = subprocess.run(  # noqa: S603  the project's own code
        [sys.executable, "-c", bootstrap.WHEEL_NPM, "--version"], capture_output=True, text=True, check=True
    )
    assert int(done.stdout.partition(".")[0]) >= bootstrap.NPM


def test_a_second_set_up_waits_for_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    source = (
        "from pathlib import Path\nfrom scripts import bootstrap\n"
        f"bootstrap.ROOT = Path({str(tmp_path)!r})\nwith bootstrap.alone():\n    print('in')\n"
    )
    with bootstrap.alone():
        second = subprocess.Popen(  # noqa: S603  the same
            [sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert second.stderr is not None
        assert "waiting" in second.stderr.readline()
        assert second.poll() is None
    assert second.communicate(timeout=20)[0] == "in\n"
    assert second.returncode == 0
