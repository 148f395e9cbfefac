"""A real hot standby of a test cluster: base backup, streaming, and a replay that halts where the test wants."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from scripts.local import postgres
from scripts.local.sockets import free_port
from tests.support.postgres import PASSWORD, Database, memory

PATIENCE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Replica:
    """A standby that streams from `primary`."""

    primary: postgres.Cluster
    cluster: postgres.Cluster

    @property
    def settings(self) -> dict[str, str]:
        """With which it follows its primary, for whoever starts it again."""
        return _following(self.primary)

    def url_of(self, database: Database) -> str:
        """The runtime role's address of this database here."""
        parts = urlsplit(database.runtime_url)
        return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{self.cluster.port}"))

    def catch_up(self) -> None:
        """Returns when all that the primary has is replayed here."""
        with psycopg.connect(self.primary.url(), autocommit=True) as connection:
            (position,) = connection.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone() or ("",)
        until = time.monotonic() + PATIENCE_SECONDS
        while not self._ask(f"SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn"):
            if time.monotonic() > until:
                raise TimeoutError("the standby does not catch up")
            time.sleep(0.01)

    @contextmanager
    def halted(self) -> Iterator[None]:
        """What the primary does meanwhile is not seen here."""
        self.catch_up()
        self._ask("SELECT pg_wal_replay_pause()")
        until = time.monotonic() + PATIENCE_SECONDS
        while self._ask("SELECT pg_get_wal_replay_pause_state()") != "paused":
            if time.monotonic() > until:
                raise TimeoutError("the replay does not pause")
            time.sleep(0.01)
        try:
            yield
        finally:
            self._ask("SELECT pg_wal_replay_resume()")

    def _ask(self, statement: str) -> object:
        with psycopg.connect(self.cluster.url(), autocommit=True) as connection:
            row = connection.execute(statement).fetchone()
            return row[0] if row else None


@contextmanager
def standby(primary: postgres.Cluster) -> Iterator[Replica]:
    """Of a cluster with a password and `wal_level = replica`, which is PostgreSQL's default."""
    folder = Path(tempfile.mkdtemp(prefix="larets-test-standby-", dir=memory()))
    folder.chmod(0o755)
    data = folder / "data"
    try:
        conninfo = _following(primary)["primary_conninfo"]
        taken = subprocess.run(  # noqa: S603  our own programs
            [postgres.BIN / "pg_basebackup", "-d", conninfo, "-D", data, "-X", "stream", "-c", "fast", "--no-sync"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if taken.returncode:
            raise RuntimeError(f"pg_basebackup: {taken.stderr.strip()[-300:]}")
        (data / "standby.signal").touch()
        postgres.adopt(data)
        yield Replica(primary, postgres.start(data, port=free_port(), password=PASSWORD, settings=_following(primary)))
    finally:
        postgres.stop(data, mode="immediate")
        shutil.rmtree(folder, ignore_errors=True)


def _following(primary: postgres.Cluster) -> dict[str, str]:
    conninfo = f"host=127.0.0.1 port={primary.port} user=postgres password={PASSWORD}"
    return {"fsync": "off", "primary_conninfo": conninfo, "max_standby_streaming_delay": "1s"}
