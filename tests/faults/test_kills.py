"""kill -9 of the vault and of PostgreSQL at random points of mixed bulk work: nothing promised is broken.

`FAULT_KILLS` says at how many points (100; a run of all checks takes a tenth), `FAULT_SEED` repeats one.
"""

import asyncio
import random
from typing import Any

import pytest

from scripts.voice import say
from tests.faults.rig import Rig, Setting, rig
from tests.faults.share import SEED, share
from tests.faults.work import Client, Promises, finish, judge

KILLS = share("FAULT_KILLS", 100)
CLIENTS = 6
PATIENCE = 600  # tenths of a second
TURNS = 6


async def disturbed(
    there: Rig, *, kills: int, seed: int, repeat_key: bool = True, only: str | None = None
) -> dict[str, int]:
    """Work under `kills` deaths, then everything finished and judged."""
    promises = Promises()
    clients = [Client(there, promises, number, seed, repeat_key) for number in range(CLIENTS)]
    working = [asyncio.create_task(client.run()) for client in clients]
    choose = random.Random(seed)
    for number in range(kills):
        await asyncio.sleep(choose.uniform(0.05, 0.8))
        victim = only or choose.choice(("vault", "postgres", "both"))
        if victim in ("postgres", "both"):
            await asyncio.to_thread(there.kill_postgres)
        if victim in ("vault", "both"):
            await asyncio.to_thread(there.kill_vault)
        if victim in ("postgres", "both"):
            await asyncio.to_thread(there.start_postgres)
        if victim in ("vault", "both"):
            await asyncio.to_thread(there.start_vault)
        if number % 10 == 9:
            say(f"  {number + 1} of {kills} kills, {len(promises.tokens):,} tokens")
    await something_done(promises)
    await finish(clients, working)
    assert promises.tokens, "no work was done at all"
    assert promises.looks, "nothing was looked at"
    return await judge(there, promises)


async def something_done(promises: Promises) -> None:
    """A few kills may leave no time for a look."""
    for _ in range(PATIENCE):
        if promises.looks and len(promises.tokens) > CLIENTS:
            return
        await asyncio.sleep(0.1)


def test_nothing_is_lost_doubled_or_unaudited(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        say(f"\n  {KILLS} kills, FAULT_SEED={SEED}")
        with rig() as there:
            found = asyncio.run(disturbed(there, kills=KILLS, seed=SEED))
    assert found == {"lost": 0, "doubled": 0, "unaudited": 0, "wrong": 0, "chain": 0}


def found_out(faults: set[str], setting: Setting, *, kills: int, **how: Any) -> bool:
    """Whether a twin shows these faults: a death must fall into a short moment, so there are some turns."""
    for turn in range(TURNS):
        with rig(setting) as there:
            found = asyncio.run(disturbed(there, kills=kills, seed=SEED + turn, **how))
        if all(found[fault] > 0 for fault in faults):
            return True
    return False


def test_the_twin_commits_that_do_not_wait_for_the_disk_are_found_out() -> None:
    settings = {"synchronous_commit": "off", "wal_writer_delay": "10s", "wal_writer_flush_after": "1GB"}
    assert found_out({"lost", "unaudited"}, Setting(settings=settings), kills=4, only="postgres")


def test_the_twin_repeats_under_new_keys_are_found_out() -> None:
    assert found_out({"doubled"}, Setting(), kills=6, repeat_key=False, only="vault")


def test_the_twin_what_is_taken_out_of_the_database_is_found_out() -> None:
    """The judgement itself: one value less, one more, one record less."""
    with rig() as there:
        promises = asyncio.run(worked(there))
        with there.connect() as connection:
            connection.execute("DELETE FROM pii_value WHERE token IN (SELECT token FROM pii_value LIMIT 1)")
        found = asyncio.run(judge(there, promises))
        assert (found["lost"], found["doubled"], found["chain"]) == (1, -1, 0)
        promises.sent["items"] -= 2  # as if one value were there twice
        with there.connect() as connection:
            connection.execute("DELETE FROM audit_log WHERE idx = (SELECT max(idx) - 3 FROM audit_log)")
            connection.execute("DELETE FROM audit_log WHERE convert_from(record, 'UTF8') LIKE '%\"reveal\"%'")
        found = asyncio.run(judge(there, promises))
        assert found["doubled"] == 1
        assert found["unaudited"] > 0
        assert found["chain"] > 0


async def worked(there: Rig) -> Promises:
    promises = Promises()
    clients = [Client(there, promises, number, SEED) for number in range(2)]
    working = [asyncio.create_task(client.run()) for client in clients]
    await something_done(promises)
    await finish(clients, working)
    return promises
