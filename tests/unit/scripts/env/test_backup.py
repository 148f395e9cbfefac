import subprocess
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from scripts.env import backup
from scripts.env.backup import BackupInvalid, opened, put_back, take
from scripts.env.place import Contour


@pytest.fixture
def contour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Contour:
    monkeypatch.setattr(backup, "schema_of", lambda _: "0005")
    made = Contour("shop", "private", tmp_path / "private")
    made.make()
    made.passphrase.write_text("canary")
    made.sealed.write_text("vault:v1:canary")
    made.settings.write_text("environment: shop\n")
    (made.state / "stack.json").write_text("as of then")
    return made


def taken(contour: Contour, path: Path) -> Path:
    environment: Any = SimpleNamespace(contour=contour, release="0.1.0", engines=[])
    take(environment, path, database=False)
    return path


def test_a_backup_brings_back_what_was_there(contour: Contour, tmp_path: Path) -> None:
    path = taken(contour, tmp_path / "one.backup")
    (contour.state / "stack.json").write_text("as of later")
    folder = tmp_path / "unpacked"
    folder.mkdir()
    assert opened(path, contour, folder).schema == "0005"
    kept = put_back(contour, folder)
    assert (contour.state / "stack.json").read_text() == "as of then"
    assert (kept / "state" / "stack.json").read_text() == "as of later"


def test_the_passphrase_is_not_in_it(contour: Contour, tmp_path: Path) -> None:
    path = taken(contour, tmp_path / "one.backup")
    with tarfile.open(path) as archive:
        assert not [name for name in archive.getnames() if "passphrase" in name]
    assert path.stat().st_mode & 0o077 == 0


def test_a_backup_that_was_touched_is_refused(contour: Contour, tmp_path: Path) -> None:
    path = taken(contour, tmp_path / "one.backup")
    folder = tmp_path / "unpacked"
    folder.mkdir()
    opened(path, contour, folder)
    (folder / "state" / "stack.json").write_text("forged")
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, arcname=".")
    again = tmp_path / "again"
    again.mkdir()
    with pytest.raises(BackupInvalid, match="not as it was written"):
        opened(path, contour, again)


def test_a_backup_of_the_other_half_is_refused(contour: Contour, tmp_path: Path) -> None:
    path = taken(contour, tmp_path / "one.backup")
    folder = tmp_path / "unpacked"
    folder.mkdir()
    with pytest.raises(BackupInvalid, match="shop/private"):
        opened(path, Contour("shop", "public", tmp_path / "public"), folder)


def test_what_is_no_backup_is_refused(contour: Contour, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("no archive")
    with pytest.raises(BackupInvalid):
        opened(tmp_path / "x", contour, tmp_path)


@pytest.mark.parametrize(("kind", "first"), [("statefulset", "sh"), ("cloudnative-pg", "pg_dump")])
def test_the_dump_signs_in_as_the_pod_asks_and_no_password_is_on_a_command_line(
    kind: str, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], **_: Any) -> Any:
        ran.append(command)
        return SimpleNamespace(returncode=0)

    real = subprocess.run
    monkeypatch.setattr(subprocess, "run", run)
    pods = {"items": [{"metadata": {"name": "postgres-0"}}]}
    place = SimpleNamespace(
        contour=SimpleNamespace(side="public"),
        settings=SimpleNamespace(database=SimpleNamespace(kind=kind), cluster=SimpleNamespace(context="test")),
        kubeconfig="kubeconfig",
        cluster=lambda: SimpleNamespace(request=lambda *_, **__: pods),
    )
    backup.in_database(cast("Any", place), ["pg_dump"])
    [command] = ran
    inside = command[command.index("--") + 1 :]
    assert inside[0] == first
    assert inside[-2:] == ["--username=postgres", "--dbname=app"]
    if kind == "statefulset":
        done = real(
            [*inside[:2], inside[2].replace("/run/larets/superuser/password", "/dev/null"), "sh", "env"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "PGPASSWORD=" in done.stdout.splitlines()
