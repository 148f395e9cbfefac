"""A database restored beside the present one, by the programs that its pod is asked to run, on a real PostgreSQL."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import psycopg
import pytest

from scripts.database import make_roles
from scripts.env import backup, beside
from scripts.env.errors import EnvProblem
from scripts.local import postgres
from tests.support.postgres import PASSWORD, cluster

STAMP = "20261129T120000000000Z"
OWNER, RUNTIME = "larets_app_owner", "larets_app"


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Cluster]:
    with cluster() as started:
        yield started


@pytest.fixture
def connect(server: postgres.Cluster) -> Iterator[Callable[..., psycopg.Connection[Any]]]:
    """The public half's database as its migration's Job makes it, with one order in it."""
    url = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{server.port}"

    def open_(database: str = "app", *, role: str = "") -> psycopg.Connection[Any]:
        where = f"postgresql://{role}:{PASSWORD}@127.0.0.1:{server.port}" if role else url
        return psycopg.connect(f"{where}/{database}", autocommit=True)

    make_roles(f"{url}/postgres", "app", owner_password=PASSWORD, runtime_password=PASSWORD)
    with open_(role=OWNER) as db:
        db.execute("CREATE TABLE orders (number text)")
        db.execute(f"GRANT SELECT, INSERT ON orders TO {RUNTIME}")
        db.execute("INSERT INTO orders VALUES ('of then')")
    yield open_
    with open_("postgres") as db:
        for (name,) in db.execute("SELECT datname FROM pg_database WHERE datname LIKE 'app%'").fetchall():
            db.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def environment(server: postgres.Cluster, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A pod's programs are this machine's, with the same arguments."""

    def run(_: Any, command: list[str], *, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None) -> None:
        surroundings = os.environ | {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGPASSWORD": PASSWORD}
        done = subprocess.run(  # noqa: S603  what the module under test says
            [postgres.BIN / command[0], *command[1:]], stdin=stdin, stdout=stdout, env=surroundings, check=False
        )
        if done.returncode:
            raise EnvProblem(f"{command[0]} ended with {done.returncode}")

    monkeypatch.setattr(backup, "in_database_pod", run)
    database = SimpleNamespace(kind="cloudnative-pg")  # its programs sign in by the socket, without a wrapper
    return SimpleNamespace(contour=SimpleNamespace(side="public"), settings=SimpleNamespace(database=database))


@pytest.fixture
def dump(connect: Callable[..., Any], environment: Any, tmp_path: Path) -> Path:
    """Taken when there was one order; another came since."""
    path = tmp_path / "database.dump"
    with path.open("wb") as content:
        backup.in_database(environment, ["pg_dump", "--format=custom", "--no-password"], stdout=content)
    with connect(role=RUNTIME) as db:
        db.execute("INSERT INTO orders VALUES ('of later')")
    return path


def numbers(connect: Callable[..., Any]) -> set[str]:
    with connect(role=RUNTIME) as db:
        return {number for (number,) in db.execute("SELECT number FROM orders").fetchall()}


def test_the_dump_takes_the_place_of_the_present_database_which_is_kept(
    connect: Callable[..., Any], environment: Any, dump: Path
) -> None:
    idle = connect(role=RUNTIME)  # a session that nobody ended does not stop it
    kept = beside.restore(environment, dump, stamp=STAMP)
    idle.close()
    assert numbers(connect) == {"of then"}
    assert beside.kept(environment) == [kept] == [f"app_before_{STAMP.lower()}"]
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        connect(kept, role=RUNTIME)
    with connect("postgres") as db:
        query = "SELECT has_database_privilege('public', 'app', 'CONNECT'), pg_get_userbyid(datdba) FROM pg_database"
        assert db.execute(f"{query} WHERE datname = 'app'").fetchone() == (False, OWNER)


def test_the_way_back_is_open_until_what_was_kept_is_dropped(
    connect: Callable[..., Any], environment: Any, dump: Path
) -> None:
    kept = beside.restore(environment, dump, stamp=STAMP)
    assert beside.go_back(environment) == kept
    assert numbers(connect) == {"of then", "of later"}
    again = beside.restore(environment, dump, stamp=STAMP.replace("12", "13"))
    assert numbers(connect) == {"of then"}
    assert beside.drop_kept(environment) == [again]
    for act in (beside.go_back, beside.drop_kept):
        with pytest.raises(beside.NothingKept):
            act(environment)
    assert numbers(connect) == {"of then"}


def test_one_that_was_gone_back_from_is_let_go_of_too(
    connect: Callable[..., Any], environment: Any, dump: Path
) -> None:
    """Persons who were erased from it since would stand in it."""
    beside.restore(environment, dump, stamp=STAMP)
    beside.go_back(environment)
    assert beside.kept(environment) == []
    assert beside.put_aside(environment) == ["app_restored"] == beside.drop_kept(environment)
    with connect("postgres") as db:
        query = "SELECT datname FROM pg_database WHERE datname LIKE 'app%'"
        assert db.execute(query).fetchall() == [("app",)]


@pytest.mark.parametrize("cut", [0, 100])
def test_a_broken_dump_leaves_the_present_database_as_it_was(
    cut: int, connect: Callable[..., Any], environment: Any, dump: Path
) -> None:
    whole = dump.read_bytes()
    dump.write_bytes(whole[:cut])
    with pytest.raises(EnvProblem, match="pg_restore"):
        beside.restore(environment, dump, stamp=STAMP)
    assert numbers(connect) == {"of then", "of later"}
    assert beside.kept(environment) == []
    dump.write_bytes(whole)
    beside.restore(environment, dump, stamp=STAMP)  # what was begun is no obstacle
    assert numbers(connect) == {"of then"}
