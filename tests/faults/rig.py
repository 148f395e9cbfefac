"""A vault and its own durable PostgreSQL, both of which may be killed at any moment and started again."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import psycopg

from scripts.local import postgres
from scripts.local.sockets import free_ports
from tests.conftest import VAULT
from tests.support import postgres as support
from tests.support.server import Server, environment, make_folder

READY_SECONDS = 60.0


@dataclass
class Rig:
    """`log` is the vault's own; it goes on over restarts."""

    folder: Path
    cluster: postgres.Cluster
    database: support.Database
    ports: list[int]
    settings: dict[str, str]
    postgres_settings: dict[str, str] | None
    _vault: "subprocess.Popen[bytes] | None" = None

    @property
    def server(self) -> Server:
        assert self._vault is not None
        return Server(self.folder, self.ports[0], self.ports[1], self._vault)

    @property
    def log(self) -> str:
        return (self.folder / "vault.log").read_text()

    def start_vault(self, *prefix: str) -> None:
        """`prefix`: a command to run it under, such as faketime."""
        with (self.folder / "vault.log").open("ab") as log:
            self._vault = subprocess.Popen(  # noqa: S603  our own
                [*prefix, sys.executable, "-m", "pii_vault.main"],
                env={"PATH": os.environ["PATH"]} | self.settings,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + READY_SECONDS
        with self.server.http() as client:
            while True:
                assert self._vault.poll() is None, self.log
                with suppress(httpx.TransportError):
                    if client.get("/readyz").status_code == httpx.codes.OK:
                        return
                assert time.monotonic() < deadline, self.log
                time.sleep(0.05)

    def kill_vault(self) -> None:
        """The parent and all workers, with no chance to say a word."""
        assert self._vault is not None
        parent = psutil.Process(self._vault.pid)
        for process in [parent, *parent.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        self._vault.wait()

    def kill_postgres(self) -> None:
        """The postmaster and every backend: what was not on its way to the disk is gone."""
        parent = psutil.Process(self.cluster.pid)
        processes = [parent, *parent.children(recursive=True)]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(processes, timeout=10)

    def start_postgres(self) -> None:
        there = self.cluster
        postgres.start(there.data, port=there.port, password=there.password, settings=self.postgres_settings)

    def connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(self.database.superuser_url, autocommit=True)


@contextmanager
def rig(*, workers: int = 2, settings: dict[str, str] | None = None) -> Iterator[Rig]:
    """A fresh vault on a real disk. `settings` are PostgreSQL's; without them commits are durable, as in production."""
    with tempfile.TemporaryDirectory(prefix="larets-faults-", ignore_cleanup_errors=True) as folder:
        yield from _rig(Path(folder), workers, settings)


def _rig(folder: Path, workers: int, settings: dict[str, str] | None) -> Iterator[Rig]:
    (folder / "pg").mkdir(parents=True)
    port, *ports = free_ports(3)
    cluster = postgres.start(folder / "pg" / "data", port=port, password=support.PASSWORD, settings=settings)
    try:
        template = support.make_template(cluster, VAULT)
        with support.clone(cluster, VAULT, template) as database:
            home = folder / "vault"
            home.mkdir()
            make_folder(home, database)
            variables = environment(home, database, browser=ports[0], service=ports[1], workers=workers)
            made = Rig(home, cluster, database, ports, variables, settings)
            made.start_vault()
            try:
                yield made
            finally:
                made.kill_vault()
                if not postgres.running(cluster.data):
                    made.start_postgres()
    finally:
        postgres.stop(cluster.data, mode="immediate")
