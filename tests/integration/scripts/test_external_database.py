"""A database of somebody else's: the documented SQL, then the project's own migration, on a real PostgreSQL."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner

from infra.lib import postgres as names
from scripts import database
from scripts.local import postgres
from tests.support.postgres import cluster

SQL: Final = Path(__file__).parents[3] / "docs" / "postgres" / "roles.sql"
PASSWORDS: Final = {"owner": "owner-password-of-a-test", "runtime": "runtime-password-of-a-test"}
CONTOURS: Final = {"private": "vault", "public": "app"}
each_contour = pytest.mark.parametrize("contour", CONTOURS)
each_admin = pytest.mark.parametrize("admin", ["postgres", "clerk"])  # a superuser, and one who may only make roles


@pytest.fixture
def server() -> Iterator[postgres.Cluster]:
    """Without any of the project's roles."""
    with cluster() as started:
        with psycopg.connect(started.url(), autocommit=True) as connection:
            statement = sql.SQL("CREATE ROLE clerk LOGIN CREATEDB CREATEROLE PASSWORD {}")
            connection.execute(statement.format(sql.Literal(started.password)))
        yield started


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for role, password in PASSWORDS.items():
        (tmp_path / f"{role}-password").write_text(password + "\n")
    monkeypatch.setenv("LARETS_SECRETS_DIR", str(tmp_path))
    return tmp_path


def documented(server: postgres.Cluster, folder: Path, name: str, admin: str) -> subprocess.CompletedProcess[str]:
    """As the file's head says: `sed s/NAME/…/g roles.sql | psql -v ON_ERROR_STOP=1`."""
    return subprocess.run(  # noqa: S603  our own psql
        [str(postgres.BIN / "psql"), "-v", "ON_ERROR_STOP=1", "-X", "-q", "-d", server.url(user=admin)],
        input=SQL.read_text().replace("NAME", name),
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def larets(folder: Path, server: postgres.Cluster, contour: str, verb: str, *more: str) -> tuple[int, str]:
    """What the Job and the waiting pods run, with the addresses that their Secrets hold."""
    base, owner, runtime = names.names(contour == "private")
    (folder / "owner_url").write_text(server.url(base, user=owner, password=PASSWORDS["owner"]))
    (folder / f"{runtime}_database_url").write_text(server.url(base, user=runtime, password=PASSWORDS["runtime"]))
    done = CliRunner().invoke(database.cli, [verb, "--contour", contour, *more])
    return done.exit_code, done.output


@each_admin
@each_contour
def test_the_documented_roles_are_all_that_migration_and_pods_need(
    server: postgres.Cluster, folder: Path, contour: str, admin: str
) -> None:
    name = CONTOURS[contour]
    done = documented(server, folder, name, admin)
    assert (done.returncode, done.stderr) == (0, "")
    assert larets(folder, server, contour, "migrate")[0] == 0
    assert larets(folder, server, contour, "wait", "--seconds", "1")[0] == 0
    with psycopg.connect(server.url(name)) as connection:
        rights = "SELECT DISTINCT rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls OR rolreplication"
        found = connection.execute(f"{rights} FROM pg_roles WHERE rolname LIKE 'larets%'").fetchall()
        owners = connection.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'").fetchall()
        members = "SELECT 1 FROM pg_auth_members WHERE set_option AND roleid::regrole::text LIKE 'larets%'"
        assert connection.execute(members).fetchall() == []  # nobody was left able to act as the owner
    assert found == [(False,)]
    assert owners == [(f"larets_{name}_owner",)]
    with psycopg.connect(server.url(name, user=f"larets_{name}", password=PASSWORDS["runtime"])) as connection:
        assert connection.execute("SELECT count(*) FROM tenant").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DROP TABLE tenant")


def test_a_runtime_role_that_is_absent_stops_the_migration(server: postgres.Cluster, folder: Path) -> None:
    """The other way round: no right comes from somewhere else than the documented file."""
    documented(server, folder, "vault", "postgres")
    with psycopg.connect(server.url("vault"), autocommit=True) as connection:
        connection.execute("REVOKE CONNECT ON DATABASE vault FROM larets_vault")
        connection.execute("DROP ROLE larets_vault")
    assert larets(folder, server, "private", "migrate")[0] == 1


def test_passwords_that_are_not_there_make_no_roles(server: postgres.Cluster, folder: Path) -> None:
    (folder / "runtime-password").unlink()
    done = documented(server, folder, "vault", "postgres")
    assert done.returncode != 0
    assert "runtime-password are not in this folder" in done.stderr
    with psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'larets%'").fetchall() == []
