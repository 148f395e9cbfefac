"""Everything public that can be read: tables, queue, files, logs, memory, environments, recordings."""

import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import psutil
import psycopg
from psycopg import sql

from scripts.leakcheck.decode import messages
from scripts.leakcheck.rig import Rig
from scripts.local import postgres
from scripts.local.instance import ROOT
from scripts.local.processes import SERVICES, running

DECODED: Final = " (decoded)"
QUEUE: Final = "procrastinate_"
STATIC: Final = ROOT / "app" / "static"
_REGION = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (r\S{3}) \S+ \S+ (\d+) *(.*)")
_TABLES: Final = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname NOT LIKE 'pg_toast%' ORDER BY 1, 2
"""
_VIEWS: Final = ("pg_stats", "pg_stat_activity", "pg_prepared_statements", "pg_settings")


@dataclass(frozen=True, slots=True)
class Source:
    """One thing to scan, opened only by the process that scans it."""

    channel: str
    place: str
    kind: Literal["file", "memory", "decoded", "bytes"]
    path: Path | None = None
    pid: int = 0
    shared: bool = False
    content: bytes = b""


def public_processes(rig: Rig) -> dict[str, psutil.Process]:
    """By name: the services with their children, and PostgreSQL with its backends."""
    roots = [(s.name, running(rig.instance, s)) for s in SERVICES if s.contour == "public"]
    cluster = rig.instance.postgres("public")
    if postgres.running(cluster):
        roots.append(("postgres", psutil.Process(int((cluster / "postmaster.pid").read_text().splitlines()[0]))))
    found: dict[str, psutil.Process] = {}
    for name, root in roots:
        if root is not None:
            found |= {f"{name} {process.pid}": process for process in (root, *root.children(recursive=True))}
    return found


# -- database --------------------------------------------------------------------------------------------------
def tables(rig: Rig) -> Iterator[Source]:
    """Every table of every schema, and what the server keeps of statements and statistics, as COPY writes it."""
    with rig.public_database() as connection:
        names = [(schema, table) for schema, table in connection.execute(_TABLES).fetchall()]
        names += [("pg_catalog", view) for view in _VIEWS]
        for schema, table in names:
            query = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT").format(sql.Identifier(schema, table))
            channel = "queue" if table.startswith(QUEUE) else "database"
            yield Source(channel, f"{schema}.{table}", "bytes", content=_copy(connection, query))


def _copy(connection: psycopg.Connection[object], query: sql.Composed) -> bytes:
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        return b"".join(bytes(piece) for piece in copy)


def settle(rig: Rig) -> None:
    """All of memory's pages to the files, and the log's last file closed."""
    with rig.public_database() as connection:
        connection.execute("ANALYZE")
        connection.execute("CHECKPOINT")
        connection.execute("SELECT pg_switch_wal()")


# -- files -----------------------------------------------------------------------------------------------------
def files(rig: Rig) -> Iterator[Source]:
    """The public data folder with the whole cluster, its secrets, and the files the CRM serves."""
    instance = rig.instance
    cluster, temporary, logs = instance.postgres("public"), instance.temporary("public"), instance.logs("public")
    for folder in (instance.data("public"), instance.secrets("public")):
        for path in _within(folder):
            if cluster / "pg_wal" in path.parents:
                channel = "wal"
            elif logs in path.parents or path == cluster / "server.log":
                channel = "log"
            elif temporary in path.parents or "pgsql_tmp" in str(path):
                channel = "temporary"
            else:
                channel = "files"
            yield Source(channel, str(path.relative_to(instance.home)), "file", path)
    for path in _within(STATIC):
        yield Source("static", str(path.relative_to(ROOT)), "file", path)


def _within(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (path for name in names if (path := Path(parent, name)).is_file() and not path.is_symlink())


def open_files(rig: Rig, processes: dict[str, psutil.Process]) -> Iterator[Source]:
    """Files outside the data folder that a public process holds open for writing, deleted ones too."""
    for name, process in processes.items():
        folder = Path(f"/proc/{process.pid}/fd")
        try:
            descriptors = list(folder.iterdir())
        except OSError:
            continue
        for descriptor in descriptors:
            try:
                target = str(descriptor.readlink())
                regular = descriptor.is_file()
            except OSError:
                continue
            if regular and not target.startswith((str(rig.instance.home), "/dev/", "/proc/")):
                yield Source("temporary", f"{name}: {target}", "file", descriptor)


def recordings(rig: Rig) -> Iterator[Source]:
    """Each recording twice: the bytes as they were, and the bodies with chunks and codings undone."""
    for path in rig.relay.recordings():
        channel = f"wire {path.name.partition('-')[0]} {path.suffix[1:]}"
        yield Source(channel, path.name, "file", path)
        if not channel.startswith("wire postgres"):
            yield Source(channel, path.name + DECODED, "decoded", path)


# -- processes -------------------------------------------------------------------------------------------------
def environments(processes: dict[str, psutil.Process]) -> Iterator[Source]:
    for name, process in processes.items():
        for part in ("environ", "cmdline"):
            path = Path(f"/proc/{process.pid}/{part}")
            try:
                content = path.read_bytes()
            except OSError:
                continue
            yield Source("environment", f"{name}: {part}", "bytes", content=content)


def memories(processes: dict[str, psutil.Process]) -> Iterator[Source]:
    """What processes share is read once per program: with its first process."""
    seen: set[str] = set()
    for name, process in processes.items():
        program = name.partition(" ")[0]
        yield Source("memory", name, "memory", pid=process.pid, shared=program not in seen)
        seen.add(program)


def memory_chunks(pid: int, *, shared_too: bool) -> Iterator[bytes]:
    """What the process may have written: every region that is its own, and the shared ones if asked for.

    Raises:
        OSError: reading the memory of this process is not permitted.
    """
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for region in Path(f"/proc/{pid}/maps").read_text().splitlines():
            match = _REGION.match(region)
            if match is None or match[5] in {"[vvar]", "[vsyscall]", "[vvar_vclock]"}:
                continue
            start, end, rights = int(match[1], 16), int(match[2], 16), match[3]
            shared = rights.endswith("s")
            if ("w" not in rights and match[4] != "0") or (shared and not shared_too):
                continue
            yield from _region(memory, start, end)


def _region(memory: io.FileIO, start: int, end: int) -> Iterator[bytes]:
    size = 8 * 1024**2
    for at in range(start, end, size):
        try:
            piece = os.pread(memory.fileno(), min(size, end - at), at)
        except OSError:
            return  # a region that was given back meanwhile
        if piece.strip(b"\0"):
            yield piece


def decoded_bodies(path: Path) -> bytes:
    return b"\n".join(messages(path.read_bytes()))
