"""Each contour's cluster opens to its own credentials alone, and a half-made one is made again."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from scripts.local import postgres
from scripts.local.instance import Instance, Ports
from scripts.local.sockets import free_port
from scripts.status import postgresql_version


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # Not pytest's own folder: the cluster's account must be able to pass through every folder above.
    made = Path(tempfile.mkdtemp(prefix="larets-clusters-"))
    yield made
    for name in ("private", "public"):
        postgres.stop(made / name, mode="immediate")
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def clusters(folder: Path) -> tuple[postgres.Cluster, postgres.Cluster]:
    private, public = (
        postgres.start(folder / name, port=free_port(), password=postgres.new_password())
        for name in ("private", "public")
    )
    return private, public


def test_the_superuser_of_one_contour_is_refused_by_the_other(
    clusters: tuple[postgres.Cluster, postgres.Cluster],
) -> None:
    private, public = clusters
    stranger = f"postgresql://postgres:{public.password}@127.0.0.1:{private.port}/postgres"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(stranger)


def test_nobody_comes_in_without_a_password(clusters: tuple[postgres.Cluster, postgres.Cluster]) -> None:
    private, _ = clusters
    with pytest.raises(psycopg.OperationalError, match=r"no password supplied|authentication failed"):
        psycopg.connect(f"postgresql://postgres@127.0.0.1:{private.port}/postgres")


def test_the_right_password_opens_it(clusters: tuple[postgres.Cluster, postgres.Cluster]) -> None:
    for cluster in clusters:
        with psycopg.connect(cluster.url()) as connection:
            assert connection.execute("SHOW password_encryption").fetchone() == ("scram-sha-256",)


def test_a_role_may_not_connect_to_a_database_that_is_not_its_own(
    clusters: tuple[postgres.Cluster, postgres.Cluster],
) -> None:
    private, _ = clusters
    for name in ("first", "second"):
        postgres.ensure_role(private, name, password="words")
        postgres.ensure_database(private, name, owner=name)
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(private.url("second", user="first", password="words"))


def test_a_failed_statement_leaves_no_value_in_the_log(clusters: tuple[postgres.Cluster, postgres.Cluster]) -> None:
    private, _ = clusters
    canary = "canary-5510@example.ru"
    with psycopg.connect(private.url()) as connection, pytest.raises(psycopg.Error):
        connection.execute("SELECT ('x' || %s)::int", (canary,))
    assert canary not in (private.data / "server.log").read_text()


def test_without_that_setting_the_log_would_hold_the_value(clusters: tuple[postgres.Cluster, postgres.Cluster]) -> None:
    private, _ = clusters
    canary = "canary-5511@example.ru"
    loose = f"{private.url()}?options=-c%20log_min_messages%3Derror"
    with psycopg.connect(loose) as connection, pytest.raises(psycopg.Error):
        connection.execute("SELECT ('x' || %s)::int", (canary,))
    assert canary in (private.data / "server.log").read_text()


def test_an_interrupted_initdb_is_taken_up_again(folder: Path) -> None:
    half_made = folder / "half"
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("18\n")
    try:
        cluster = postgres.start(half_made, port=free_port(), password="words")
        assert postgres.running(half_made)
        with psycopg.connect(cluster.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        postgres.stop(half_made, mode="immediate")
    assert not postgres.running(half_made)


def test_a_taken_port_is_a_problem_with_a_reason(
    clusters: tuple[postgres.Cluster, postgres.Cluster], folder: Path
) -> None:
    private, _ = clusters
    with pytest.raises(postgres.PostgresProblem, match=r"(?i)address|could not"):
        postgres.start(folder / "third", port=private.port, password="words")


def test_status_names_the_version_that_the_server_says(
    clusters: tuple[postgres.Cluster, postgres.Cluster], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = Instance(folder, Ports())
    monkeypatch.setattr(Instance, "postgres", lambda _, contour: folder / contour)
    monkeypatch.setattr(Instance, "superuser_url", lambda *_: clusters[0].url())
    with psycopg.connect(clusters[0].url()) as connection:
        said = connection.execute("SELECT current_setting('server_version')").fetchone()
    assert (postgresql_version(instance),) == said
    monkeypatch.setattr(Instance, "postgres", lambda *_: folder / "nowhere")
    assert postgresql_version(instance) is None


def test_another_program_under_the_noted_process_id_is_left_alone(folder: Path) -> None:
    """After a crash or in a restarted container the id in `postmaster.pid` may be anybody's."""
    crashed = folder / "crashed"
    stranger = subprocess.Popen(["sleep", "60"])  # noqa: S607
    try:
        cluster = postgres.start(crashed, port=free_port(), password="words")
        note = (crashed / "postmaster.pid").read_text()
        postgres.stop(crashed, mode="immediate")
        (crashed / "postmaster.pid").write_text(note.replace(str(note.splitlines()[0]), str(stranger.pid), 1))
        assert not postgres.running(crashed)
        postgres.stop(crashed)
        assert stranger.poll() is None
        again = postgres.start(crashed, port=cluster.port, password="words")
        assert postgres.running(crashed)
        assert again.pid != stranger.pid
    finally:
        postgres.stop(crashed, mode="immediate")
        stranger.kill()
        stranger.wait()
