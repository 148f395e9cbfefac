"""A full disk under the data, the WAL, the audit, the files and the erasure journal: refused, and nothing broken.

While there is no room, answers are 503 and hold no value, and no reveal is released that the log does not tell of.
When there is room again, everything goes on, and every promise was kept.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psycopg
import pytest

from scripts.local import postgres
from scripts.voice import say
from tests.faults.disk import Disk, small_disk
from tests.faults.rig import Rig, Setting, rig
from tests.faults.share import SEED, some
from tests.faults.work import Client, Promises, finish, judge
from tests.support.postgres import Database

SMALL_WAL = {"max_wal_size": "64MB", "min_wal_size": "32MB"}
NOTHING_BROKEN = {"lost": 0, "doubled": 0, "unaudited": 0, "wrong": 0, "chain": 0}
FULL_SECONDS = 4.0
PATIENCE_SECONDS = 120.0  # a busy machine is slow
CLIENTS = 4


def on_disk(disk: Disk, full: str) -> Setting:
    if full == "data":  # the WAL has room
        return Setting(settings=SMALL_WAL, data=disk.place)
    if full == "wal":
        return Setting(settings=SMALL_WAL, wal=disk.place)
    return Setting(settings=SMALL_WAL, prepare=lambda database: move_audit(database, disk.place))


def move_audit(database: Database, place: Path) -> None:
    """The log and its details to a disk of their own."""
    folder = place / "audit"
    folder.mkdir(mode=0o700)
    postgres.adopt(folder)
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute(f"CREATE TABLESPACE audit LOCATION '{folder}'")
        for kind, name in (
            *(("TABLE", name) for name in ("audit_log", "audit_detail")),
            *(("INDEX", f"audit_{name}") for name in ("log_pkey", "detail_pkey", "detail_tenant", "detail_subjects")),
        ):
            connection.execute(f"ALTER {kind} {name} SET TABLESPACE audit")


@contextmanager
def audit_dropped(database: Database) -> Iterator[None]:
    """The protection away: a record that cannot be written is passed over in silence."""
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute("ALTER FUNCTION audit_append RENAME TO audit_append_as_shipped")
        connection.execute("""
            CREATE FUNCTION audit_append(bytea[], text[], text[], text[], text[], text[], text[], timestamptz[],
                                         text[], integer[], bigint[]) RETURNS bigint LANGUAGE plpgsql AS $$
            BEGIN RETURN audit_append_as_shipped($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);
            EXCEPTION WHEN OTHERS THEN RETURN 0; END $$""")
        connection.execute("GRANT EXECUTE ON FUNCTION audit_append TO larets_vault")
    yield


async def filled_up(there: Rig, disk: Disk, *, refuses: bool = True) -> tuple[Promises, dict[str, int]]:
    """Work on a disk that fills up, until that is felt and longer, and is emptied again. The promises are of the time
    without room.
    """
    promises = Promises()
    clients = [Client(there, promises, number, SEED) for number in range(CLIENTS)]
    working = [asyncio.create_task(client.run()) for client in clients]
    await asyncio.sleep(random.Random(SEED).uniform(0.5, 2))
    disk.fill()
    if refuses:
        await until(lambda: promises.refused.total() > 2 * CLIENTS, use_up(there))
    await asyncio.sleep(FULL_SECONDS)
    refused = Promises(refused=promises.refused.copy())
    disk.empty()
    await asyncio.to_thread(recover, there)
    before = len(promises.tokens)
    await until(lambda: len(promises.tokens) > before + 500)
    await finish(clients, working)
    return refused, await judge(there, promises)


def recover(there: Rig) -> None:
    """PostgreSQL gives up when it can write no WAL; whoever made room starts it again, and the vault by itself."""
    if not postgres.running(there.cluster.data):
        there.start_postgres()
    there.wait_ready()


def use_up(there: Rig) -> Callable[[], None]:
    """Segments of the WAL that were made in advance would last for a while."""

    def use() -> None:
        with suppress(psycopg.Error), there.connect() as connection:
            connection.execute("SELECT pg_switch_wal()")

    return use


async def until(holds: Callable[[], bool], hasten: Callable[[], None] = lambda: None) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.to_thread(hasten)
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("full", some(("data", "wal", "audit")))
def test_a_full_disk_refuses_and_breaks_nothing(full: str, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        say(f"\n  a full disk under the {full}, FAULT_SEED={SEED}")
    with small_disk(400) as disk, rig(on_disk(disk, full)) as there:
        refused, found = asyncio.run(filled_up(there, disk))
    assert {path for path, _ in refused.refused} >= {"/v1/tokenise"}
    if full == "audit":
        assert refused.refused["/v1/reveal", "audit_unavailable"]
    assert found == NOTHING_BROKEN


def test_the_twin_records_that_are_dropped_where_there_is_no_room_are_found_out() -> None:
    with small_disk(400) as disk, rig(on_disk(disk, "audit")) as there, audit_dropped(there.database):
        _, found = asyncio.run(filled_up(there, disk, refuses=False))
    assert found["unaudited"] > 0


# --- what lies outside the database ------------------------------------------------------------------


SOUND = random.Random(SEED).randbytes(3 << 20)


@contextmanager
def outside(disk: Disk) -> Iterator[tuple[Rig, httpx.Client, dict[str, str]]]:
    """A vault whose files and journal lie on the disk, a program, and what it stored of a person."""
    more = {"files": "folder", "files_folder": disk.place, "erasure_journal": disk.place / "erasures.journal"}
    with rig(Setting(more=more)) as there, there.server.http() as client:
        client.headers["larets-tenant"] = "demo"
        item = {"class": "phone", "value": "+79990000001"}
        yield there, client, client.post("/v1/tokenise", json={"items": [item]}).json()["items"][0]


def upload(client: httpx.Client) -> httpx.Response:
    headers = {"content-type": "audio/ogg"}
    return client.post("/v1/files", params={"class": "voice"}, headers=headers, content=SOUND)


def without_room(
    there: Rig, client: httpx.Client, stored: dict[str, str], disk: Disk, *, module: str = "scripts.main"
) -> list[str]:
    """What is wrong with what a full disk is answered."""
    found = []
    disk.fill()
    if {upload(client).status_code for _ in range(3)} != {503}:
        found.append("a file is taken")
    if list(disk.place.glob("??/*")):
        found.append("something is left of a file")
    erased = there.command("subject", "erase", stored["subject"], "--yes", module=module)
    if erased.returncode != 1 or "erasure journal" not in erased.stderr:
        found.append("an erasure goes on")
    if reveal(client, stored["token"])["error"] != "blocked":
        found.append("a person is not blocked alone")
    disk.empty()
    return found


def test_files_and_the_journal_of_erasures_wait_for_room() -> None:
    with small_disk(40) as disk, outside(disk) as (there, client, stored):
        assert without_room(there, client, stored, disk) == []
        kept = upload(client)
        back = client.get(f"/v1/files/{kept.json()['token']}", headers={"larets-purpose": "support"})
        assert back.content == SOUND
        erased = there.command("subject", "erase", stored["subject"], "--yes")
        assert erased.returncode == 0, erased.stderr
        assert reveal(client, stored["token"])["error"] == "erased"


def test_the_twin_what_counts_as_written_where_there_is_no_room_is_found_out() -> None:
    careless = "tests.faults.careless"
    with small_disk(40) as disk, outside(disk) as (there, client, stored):
        there.kill_vault()
        there.start_vault(module=careless)
        assert without_room(there, client, stored, disk, module=careless) == [
            "a file is taken", "something is left of a file", "an erasure goes on", "a person is not blocked alone",
        ]  # fmt: skip


def reveal(client: httpx.Client, token: str) -> dict[str, str]:
    answer = client.post("/v1/reveal", json={"purpose": "support", "items": [{"token": token}]})
    told = answer.json()
    return dict(told["items"][0]) if "items" in told else {"error": told["code"]}
