"""A vault and its own durable PostgreSQL, both of which may be killed at any moment and started again."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import psycopg

from pii_vault.keys.service import KeyService
from scripts.local import postgres
from scripts.local.sockets import free_ports
from tests.conftest import VAULT
from tests.support import postgres as support
from tests.support.server import Server, environment, make_folder

READY_SECONDS = 120.0  # a busy machine is slow
LOG_TAIL = 4000


@dataclass
class Rig:
    """`log` is the vault's own; it goes on over restarts."""

    folder: Path
    cluster: postgres.Cluster
    database: support.Database
    ports: list[int]
    settings: dict[str, str]
    postgres_settings: dict[str, str] | None
    postgres_environment: Mapping[str, str]
    _vault: "subprocess.Popen[bytes] | None" = None
    _worker: "subprocess.Popen[bytes] | None" = None

    @property
    def server(self) -> Server:
        assert self._vault is not None
        return Server(self.folder, self.ports[0], self.ports[1], self._vault)

    @property
    def worker(self) -> "subprocess.Popen[bytes]":
        assert self._worker is not None
        return self._worker

    @property
    def log(self) -> str:
        return (self.folder / "vault.log").read_text()

    def start_vault(self, *prefix: str, module: str = "pii_vault.main") -> None:
        """`prefix`: a command to run it under, such as faketime; `module`: another one, for a twin."""
        self._vault = self._start(module, *prefix)
        self.wait_ready()

    def start_worker(self, *, module: str = "pii_vault.worker") -> None:
        self._worker = self._start(module)

    def _start(self, module: str, *prefix: str) -> "subprocess.Popen[bytes]":
        with (self.folder / "vault.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603  our own
                [*prefix, sys.executable, "-m", module],
                env={"PATH": os.environ["PATH"]} | self.settings,
                stdout=log,
                stderr=log,
            )

    def wait_ready(self) -> None:
        assert self._vault is not None
        deadline = time.monotonic() + READY_SECONDS
        with self.server.http() as client:
            while True:
                assert self._vault.poll() is None, self.log
                with suppress(httpx.TransportError):
                    if client.get("/readyz").status_code == httpx.codes.OK:
                        return
                assert time.monotonic() < deadline, self.log
                time.sleep(0.05)

    def command(self, *words: str, module: str = "scripts.main") -> "subprocess.CompletedProcess[str]":
        """`larets …` beside this vault, as an operator runs it; `module`: another one, for a twin."""
        owner = self.folder / "owner.url"
        owner.touch(mode=0o600)
        owner.write_text(self.database.owner_url)
        variables = {"PATH": os.environ["PATH"], "LARETS_OWNER_URL_FILE": str(owner)} | self.settings
        command = [sys.executable, "-m", module, *words]
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=180)  # noqa: S603  our own

    def kill_vault(self) -> None:
        """The parent and all of its processes, with no chance to say a word."""
        assert self._vault is not None
        _kill(self._vault)

    def kill_worker(self) -> None:
        if self._worker is not None:
            _kill(self._worker)

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
        with _beside(self.postgres_environment):
            postgres.start(there.data, port=there.port, password=there.password, settings=self.postgres_settings)

    def connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(self.database.superuser_url, autocommit=True)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """`settings` are PostgreSQL's; without them commits are durable, as in production. `data` and `wal`: folders for
    them instead of this machine's disk. `more` are the vault's, by name. `prepare` sees the database before the vault.
    """

    workers: int = 2
    settings: dict[str, str] | None = None
    data: Path | None = None
    wal: Path | None = None
    more: Mapping[str, object] = field(default_factory=dict)
    keys: KeyService | None = None  # of the shops; without them a keyring of its own
    environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # more of it, for `vault`, `postgres`
    prepare: Callable[[support.Database], None] = lambda _: None


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process.pid)
        for each in [parent, *parent.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                each.send_signal(signal.SIGKILL)
    process.wait()


@contextmanager
def _beside(more: Mapping[str, str]) -> Iterator[None]:
    """PostgreSQL is started by a program of its own, which hands its environment on."""
    before = dict(os.environ)
    os.environ.update(more)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def rig(setting: Setting = Setting()) -> Iterator[Rig]:
    """A fresh vault and a fresh database."""
    with tempfile.TemporaryDirectory(prefix="larets-faults-", ignore_cleanup_errors=True) as folder:
        yield from _rig(Path(folder), setting)


def _rig(folder: Path, setting: Setting) -> Iterator[Rig]:
    data = (setting.data or folder / "pg") / "data"
    data.parent.mkdir(parents=True, exist_ok=True)
    if setting.wal is not None:
        postgres.initialise(data, password=support.PASSWORD)
        shutil.move(data / "pg_wal", setting.wal / "pg_wal")
        (data / "pg_wal").symlink_to(setting.wal / "pg_wal")
        postgres.adopt(setting.wal / "pg_wal")
    port, *ports = free_ports(3)
    beside = setting.environment.get("postgres", {})
    with _beside(beside):
        cluster = postgres.start(data, port=port, password=support.PASSWORD, settings=setting.settings)
    try:
        template = support.make_template(cluster, VAULT)
        with support.clone(cluster, VAULT, template) as database:
            home = folder / "vault"
            home.mkdir()
            make_folder(home, database, setting.keys)
            setting.prepare(database)
            with psycopg.connect(database.superuser_url, autocommit=True) as connection:
                connection.execute("CHECKPOINT")  # the shop itself is none of what a death may take
            variables = environment(home, database, browser=ports[0], service=ports[1], workers=setting.workers)
            variables |= {f"LARETS_VAULT_{name.upper()}": str(value) for name, value in setting.more.items()}
            variables |= setting.environment.get("vault", {})
            made = Rig(home, cluster, database, ports, variables, setting.settings, beside)
            made.start_vault()
            try:
                yield made
            except BaseException:
                sys.stderr.write(made.log[-LOG_TAIL:])
                raise
            finally:
                made.kill_worker()
                made.kill_vault()
                if not postgres.running(cluster.data):
                    made.start_postgres()
    finally:
        postgres.stop(cluster.data, mode="immediate")
