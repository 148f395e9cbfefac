"""The leak check of an environment, on an instance of this machine that is addressed as one."""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psycopg
import pytest

from scripts.leakcheck import webhooks
from scripts.leakcheck.canaries import Canaries, Person
from scripts.leakcheck.environment import CHANNELS, check
from scripts.leakcheck.report import Report
from scripts.leakcheck.stream import Piece, write
from tests.support.addressed import Beside, doors_of, origins_of
from tests.support.instance import World

TABLES = """
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
"""


@dataclass
class PublicHalf:
    """Reads what an administrator of the public contour reads: rows, logs, objects; after `first`, if there is one."""

    world: World
    first: Callable[[], None] | None = None
    writing: int = -1
    threads: list[threading.Thread] = field(default_factory=list)

    def open(self) -> IO[bytes]:
        reading, self.writing = os.pipe()
        return os.fdopen(reading, "rb")

    def driven(self) -> None:
        if self.first is not None:
            self.first()
        thread = threading.Thread(target=self._hand_over)
        thread.start()
        self.threads.append(thread)

    def _hand_over(self) -> None:
        with os.fdopen(self.writing, "wb") as out:
            for piece in self._pieces():
                write(out, piece)

    def _pieces(self) -> Iterator[Piece]:
        yield Piece("objects", "app/configmaps", b'{"items": []}' * 50)
        for path in self.world.instance.logs("public").glob("*.log"):
            yield Piece("logs", path.name, path.read_bytes())
        with psycopg.connect(self.world.instance.superuser_url("public")) as connection:
            for (table,) in connection.execute(TABLES).fetchall():
                with connection.cursor() as cursor, cursor.copy(f"COPY {table} TO STDOUT") as copy:
                    for rows in copy:
                        yield Piece("database", "pg_dump", bytes(rows))


def run(world: World, folder: Path, public: PublicHalf) -> Report:
    commands = Beside.of(world.instance, "private", folder)
    doors = doors_of(world.instance)
    try:
        with public.open() as handed:
            return check(origins_of(world.instance), doors, commands, handed, public.driven)
    finally:
        doors.close()
        for thread in public.threads:
            thread.join()


def test_nothing_of_an_environment_leaks_and_every_channel_proves_itself(world: World, tmp_path: Path) -> None:
    report = run(world, tmp_path, PublicHalf(world))
    assert report.hits == []
    assert report.edge.accepted == []
    assert report.edge.refused == report.edge.sent > 50
    assert set(report.twin.values()) == {"caught"}
    assert set(CHANNELS) <= set(report.scanned)
    assert report.canaries > 60
    assert report.ok


def test_a_value_in_a_public_table_is_found_with_the_way_it_came(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted: list[Person] = []
    real = Canaries.person

    def noted(self: Canaries, entry: str) -> Person:
        person = real(self, entry)
        if entry == "webhook, order":
            planted.append(person)
        return person

    monkeypatch.setattr(Canaries, "person", noted)
    monkeypatch.setattr(webhooks, "ODD", {})

    def leak() -> None:
        world.rows("public", "CREATE TABLE leaked (who text)")
        world.rows("public", "INSERT INTO leaked VALUES (%s)", planted[0].phone)

    try:
        report = run(world, tmp_path, PublicHalf(world, leak))
    finally:
        world.rows("public", "DROP TABLE IF EXISTS leaked")
    assert {(hit.canary, hit.channel) for hit in report.hits} == {("webhook, order: phone", "database")}
    assert not report.ok
