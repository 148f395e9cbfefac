"""A restore that is told to end, by `kill` or by a terminal that is closed."""

import os
import signal
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from scripts.env import backup, beside
from scripts.env.verbs import restore as verb
from tests.unit.scripts.env.conftest import Opener, run


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_it_leaves_the_files_of_before(
    opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def told(*_: Any, **__: Any) -> str:
        os.kill(os.getpid(), number)
        return ""

    monkeypatch.setattr(backup, "schema_of", lambda _: "0005")
    monkeypatch.setattr(backup, "in_database", lambda *_, stdout, **__: stdout.write(b"a dump"))
    monkeypatch.setattr(verb, "resting", nullcontext)
    monkeypatch.setattr(beside, "restore", told)
    environment = opened()
    backup.take(environment, tmp_path / "one.backup", database=True)
    settings = environment.contour.settings
    settings.write_text(settings.read_text() + "# later\n")
    ended = run("restore", str(tmp_path / "one.backup"), "--confirm", "shop/private")
    assert ended.exit_code == 128 + number
    assert settings.read_text().endswith("# later\n")
    assert not list(environment.contour.folder.glob("before-*"))
