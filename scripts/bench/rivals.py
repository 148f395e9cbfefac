"""The hand-rolled rival, seen from the bench: its transit engine, its table and its processes."""

import contextlib
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import hvac
import psutil
import psycopg

from scripts.bench.hand_rolled import KEY
from scripts.bench.limits import Bare, Limit, open_processes
from scripts.local.instance import ROOT, Instance, InstanceProblem
from scripts.local.sockets import free_ports

ENGINE: Final = ROOT / ".tools" / "bin" / "vault"
START_SECONDS: Final = 30.0
# Per process and size of batch. Two threads for batches: while one waits for the engine, the other one decodes.
CONNECTIONS: Final = {1: 8, 100: 2, 1000: 2}
DATABASE: Final = "rival"


class Rival:
    """As `Limit`, with the processor time of its engine."""

    def __init__(self, processes: Limit, engine: psutil.Process) -> None:
        self._processes = processes
        self._engine = engine
        self._populated = False

    def engine_seconds(self) -> float:
        spent = self._engine.cpu_times()
        return float(spent.user + spent.system)

    def write(self, size: int, *, count: int, seconds: float) -> Bare:
        """Values sealed and stored by batches of `size`."""
        return self._processes.write(size, count=count, connections=CONNECTIONS[size], seconds=seconds)

    def fetch(self, size: int, *, count: int, seconds: float) -> Bare:
        """Values fetched and opened, of `count` stored ones."""
        if not self._populated:
            self._processes.populate(count)
            self._populated = True
        return self._processes.fetch(size, connections=CONNECTIONS[size], seconds=seconds, cold=False)


def require_engine() -> None:
    """Raises InstanceProblem where the transit engine has not been built."""
    if not ENGINE.exists():
        message = "the rival needs a transit engine: run `make tools` (minutes, once), then this again"
        raise InstanceProblem(message)


@contextmanager
def open_rival(instance: Instance) -> Iterator[Rival]:
    """The rival on the measured instance's PostgreSQL cluster, in a database of its own."""
    token = secrets.token_hex(16)
    url = _table(instance)
    with tempfile.TemporaryDirectory(prefix="larets-rival-") as folder, _engine(Path(folder), token) as (address, pid):
        opening = {"url": url, "engine": address}
        with open_processes("scripts.bench.hand_rolled", opening, secret={"RIVAL_TOKEN": token}) as processes:
            yield Rival(processes, psutil.Process(pid))


def _table(instance: Instance) -> str:
    address = instance.superuser_url("private").rpartition("/")[0]
    with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        connection.execute(f"CREATE DATABASE {DATABASE}")
    with psycopg.connect(f"{address}/{DATABASE}", autocommit=True) as connection:
        connection.execute("CREATE TABLE rival_value (id uuid PRIMARY KEY, ciphertext text NOT NULL)")
    return f"{address}/{DATABASE}"


@contextmanager
def _engine(folder: Path, token: str) -> Iterator[tuple[str, int]]:
    """In memory, without TLS: both in the rival's favour. With an audit file, as any engine that is relied on."""
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [ENGINE, "server", "-dev", "-dev-no-store-token", f"-dev-listen-address=127.0.0.1:{port}"],
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "VAULT_DEV_ROOT_TOKEN_ID": token},
            stdout=log,
            stderr=log,
        )
    try:
        _wait(address, process)
        client = hvac.Client(url=address, token=token)
        client.sys.enable_audit_device("file", options={"file_path": str(folder / "audit.log")})
        client.sys.enable_secrets_engine("transit")
        client.secrets.transit.create_key(KEY)
        yield address, process.pid
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()


def _wait(address: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{address}/v1/sys/health", timeout=1).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    message = "the rival's transit engine does not answer; try again, or build it anew: delete .tools/bin/vault"
    raise InstanceProblem(message)
