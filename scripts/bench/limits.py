"""The limit's processes, seen from the bench: as many as the vault has workers, driven side by side."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from scripts.bench.persons import CLASS_KEYS
from scripts.local.instance import ROOT, Instance, InstanceProblem

PROCESSES: Final = 2
PATIENCE_SECONDS: Final = 10.0
Process = subprocess.Popen[str]


@dataclass(frozen=True, slots=True)
class Bare:
    """What one turn of the limit did, all its processes together."""

    rate: float
    rows: float
    processor_seconds: float


class Limit:
    """Measures what the database and the cipher alone do."""

    def __init__(self, processes: list[Process]) -> None:
        self._processes = processes

    def populate(self, count: int, *, classes: Sequence[int] = CLASS_KEYS) -> None:
        """Rows for `fetch`: `count` in all, each process its own. `classes` are those of a person."""
        order = {"do": "populate", "count": count // PROCESSES, "classes": list(classes)}
        self._all([order | {"seed": 77 + i} for i in range(PROCESSES)])

    def write(
        self, size: int, *, count: int, connections: int, seconds: float, classes: Sequence[int] = CLASS_KEYS
    ) -> Bare:
        """Rows written by batches of `size`; each process has `count` of them ready."""
        order = {"do": "prepare", "count": count, "size": size, "classes": list(classes)}
        self._all([order | {"seed": 7 + i} for i in range(PROCESSES)])
        return self._turn({"do": "write", "connections": connections, "seconds": seconds})

    def fetch(self, size: int, *, connections: int, seconds: float, cold: bool) -> Bare:
        """Rows fetched and decrypted by batches of `size`."""
        return self._turn({"do": "fetch", "size": size, "cold": cold, "connections": connections, "seconds": seconds})

    def _turn(self, order: dict[str, Any]) -> Bare:
        answers = self._all([order] * PROCESSES)
        return Bare(
            rate=sum(answer["rows"] / answer["seconds"] for answer in answers),
            rows=sum(answer["rows"] for answer in answers),
            processor_seconds=sum(answer["processor_seconds"] for answer in answers),
        )

    def _all(self, orders: list[dict[str, Any]]) -> list[dict[str, float]]:
        for process, order in zip(self._processes, orders, strict=True):
            _say(process, order)
        return [_hear(process) for process in self._processes]


def _say(process: Process, message: dict[str, Any]) -> None:
    if process.stdin is None:
        raise InstanceProblem("a process of the limit has no input")
    process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()


def _hear(process: Process) -> dict[str, float]:
    line = process.stdout.readline() if process.stdout is not None else ""
    if not line:
        raise InstanceProblem("a process of the limit ended; its message stands above")
    answer: dict[str, float] = json.loads(line)
    return answer


def tenant_key(instance: Instance, tenant: str) -> int:
    """The database key of a shop."""
    with psycopg.connect(instance.database_url("private", "runtime")) as connection:
        row = connection.execute("SELECT key FROM tenant WHERE id = %s", (tenant,)).fetchone()
    if row is None:
        raise InstanceProblem(f"no tenant {tenant}")
    return int(row[0])


@contextmanager
def open_limit(instance: Instance, tenant: str, *, packed: bool = False) -> Iterator[Limit]:
    """Processes with the vault's own rights on its database, ended at the end. `packed`: see statements.py."""
    url = instance.database_url("private", "runtime")
    opening = {"url": url, "tenant_key": tenant_key(instance, tenant), "packed": packed}
    with open_processes("scripts.bench.bare", opening) as limit:
        yield limit


@contextmanager
def open_processes(module: str, opening: dict[str, Any], *, secret: Mapping[str, str] | None = None) -> Iterator[Limit]:
    """Processes of a module that understands the orders of `bare.py`. `secret` goes by the environment."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **(secret or {})},
        )
        for _ in range(PROCESSES)
    ]
    try:
        for process in processes:
            _say(process, opening)
        yield Limit(processes)
    finally:
        for process in processes:
            if process.stdin is not None:
                process.stdin.close()
        for process in processes:
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
