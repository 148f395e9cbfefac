"""What a start of root's cluster does to the folders above it."""

import stat
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.local import postgres


def mode_of(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)


@pytest.fixture
def home() -> Iterator[Path]:
    """A home folder as careful people have it, in folders that anybody may pass (pytest's own are closed)."""
    with tempfile.TemporaryDirectory(prefix="larets-home-") as place:
        Path(place).chmod(0o711)
        made = Path(place) / "home"
        (made / "shop" / "data").mkdir(parents=True)
        made.chmod(0o700)
        (made / "shop").chmod(0o750)
        yield made


def test_closed_folder_is_opened_to_passing_alone_and_it_is_told_once(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    postgres._let_through(home / "shop" / "data")
    assert (mode_of(home), mode_of(home / "shop")) == (0o701, 0o751)
    told = capsys.readouterr()
    assert told.out == ""
    first, second = told.err.splitlines()
    assert f"{home / 'shop'} is now 0751 instead of 0750" in first
    assert f"{home} is now 0701 instead of 0700" in second
    assert "must pass through (not list or read)" in first
    postgres._let_through(home / "shop" / "data")
    assert capsys.readouterr().err == ""


def test_open_folder_is_left_as_it_is(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home.chmod(0o755)
    (home / "shop").chmod(0o711)
    postgres._let_through(home / "shop" / "data")
    assert (mode_of(home), mode_of(home / "shop")) == (0o755, 0o711)
    assert capsys.readouterr().err == ""


def test_two_clusters_that_start_side_by_side_make_one_account(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    def useradd(command: list[str], **_: object) -> None:
        time.sleep(0.1)  # as the program, which writes the file of accounts at its end
        made.append(command)

    def known(name: str) -> str:
        if not made:
            raise KeyError(name)
        return name

    monkeypatch.setattr("scripts.local.postgres.subprocess.run", useradd)
    monkeypatch.setattr("scripts.local.postgres.pwd.getpwnam", known)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: postgres._ensure_system_user(), range(2)))
    assert len(made) == 1
