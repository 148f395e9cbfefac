"""Test databases: one embedded cluster per run, one migrated template per side, one clone per test."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from scripts.local import postgres
from scripts.local.sockets import free_port

ROOMY_BYTES = 3 * 1024**3
PASSWORD = "test-only"


@dataclass(frozen=True, slots=True)
class Database:
    """A migrated database of one test."""

    name: str
    owner_url: str
    runtime_url: str
    superuser_url: str


def memory() -> Path | None:
    """A file system in memory, where there is a roomy one: a clone per test is mostly files made and deleted."""
    place = Path("/dev/shm")  # noqa: S108  mkdtemp makes a folder of our own in it
    return place if place.is_dir() and shutil.disk_usage(place).free > ROOMY_BYTES else None


@contextmanager
def cluster(settings: dict[str, str] | None = None) -> Iterator[postgres.Cluster]:
    """`settings` on top of those that make it quick and forgetful."""
    folder = Path(tempfile.mkdtemp(prefix="larets-test-pg-", dir=memory()))
    folder.chmod(0o755)
    quick = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
    started = postgres.start(folder / "data", port=free_port(), password=PASSWORD, settings=quick | (settings or {}))
    try:
        yield started
    finally:
        postgres.stop(folder / "data", mode="immediate")
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Side:
    """One contour's database: its roles and its migrations."""

    name: str
    owner: str
    runtime: str
    upgrade: Callable[[str], None]


def make_template(server: postgres.Cluster, side: Side) -> str:
    for role in (side.owner, side.runtime):
        postgres.ensure_role(server, role, password=PASSWORD)
    template = f"template_{side.name}_{os.getpid()}"
    postgres.ensure_database(server, template, owner=side.owner)
    postgres.grant_connect(server, template, roles=(side.owner, side.runtime))
    side.upgrade(server.url(template, user=side.owner, password=PASSWORD))
    return template


@contextmanager
def clone(server: postgres.Cluster, side: Side, template: str) -> Iterator[Database]:
    name = f"{side.name}_{uuid.uuid4().hex[:12]}"
    postgres.ensure_database(server, name, owner=side.owner, template=template)
    postgres.grant_connect(server, name, roles=(side.owner, side.runtime))
    try:
        yield Database(
            name=name,
            owner_url=server.url(name, user=side.owner, password=PASSWORD),
            runtime_url=server.url(name, user=side.runtime, password=PASSWORD),
            superuser_url=server.url(name),
        )
    finally:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
