"""What Jobs and pods of a deployed contour do to their database before they serve."""

from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from typer.testing import CliRunner

import pii_vault.migrations
from scripts import database
from tests.support.postgres import Database


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vault_database: Database) -> Path:
    monkeypatch.setenv("LARETS_SECRETS_DIR", str(tmp_path))
    (tmp_path / "owner_url").write_text(vault_database.owner_url)
    (tmp_path / "larets_vault_database_url").write_text(vault_database.runtime_url)
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(database.cli, arguments)
    return done.exit_code, done.output


def test_a_pod_waits_until_the_schema_is_there_and_no_longer(folder: Path) -> None:
    assert run("migrate", "--contour", "private")[0] == 0
    assert run("wait", "--contour", "private", "--seconds", "1")[0] == 0
    with psycopg.connect((folder / "owner_url").read_text(), autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    code, said = run("wait", "--contour", "private", "--seconds", "1")
    assert code == 1
    assert "the schema is not at" in said


def test_a_newer_schema_lets_older_code_serve(folder: Path) -> None:
    run("migrate", "--contour", "private")
    with psycopg.connect((folder / "owner_url").read_text(), autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    code, said = run("migrate", "--contour", "private")  # as the older release's Job does after a rollback
    assert code == 0, said
    assert "newer" in said
    assert database.current((folder / "owner_url").read_text()) == "9999"
    assert run("wait", "--contour", "private", "--seconds", "1")[0] == 0


@pytest.mark.usefixtures("folder")
def test_a_step_without_a_way_back_needs_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "irreversible_steps", lambda *_: ["0099"])
    code, said = run("migrate", "--contour", "private")
    assert code == 1
    assert "0099" in said
    assert run("migrate", "--contour", "private", "--accept-irreversible")[0] == 0


def test_steps_that_say_so_are_found_after_the_present_version_only(monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = database._scripts(pii_vault.migrations)
    newest = scripts.get_revision("head")
    assert newest is not None
    monkeypatch.setattr(newest, "module", SimpleNamespace(irreversible=True))
    monkeypatch.setattr(database, "_scripts", lambda _: scripts)
    assert database.irreversible_steps(pii_vault.migrations, None) == [newest.revision]
    assert database.irreversible_steps(pii_vault.migrations, str(newest.down_revision)) == [newest.revision]
    assert database.irreversible_steps(pii_vault.migrations, newest.revision) == []


def test_roles_are_made_without_rights_and_take_a_new_password(vault_database: Database) -> None:
    admin = vault_database.superuser_url
    for password in ("first-password", "second-password"):
        database.make_roles(admin, "made", owner_password=password, runtime_password=password)
    with psycopg.connect(admin) as connection:
        rights = connection.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname = 'larets_made'"
        ).fetchone()
    assert rights == (False, False, False, False)


def test_a_keyring_is_copied_once(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("first")
    assert run("keyring", str(source), str(target))[0] == 0
    source.write_text("second")
    assert run("keyring", str(source), str(target))[0] == 0
    assert target.read_text() == "first"
    assert target.stat().st_mode & 0o077 == 0
    assert sorted(tmp_path.iterdir()) == [source, target]
