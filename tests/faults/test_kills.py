"""kill -9 of the vault and of PostgreSQL at random points of mixed bulk work: nothing promised is broken.

`FAULT_KILLS` says at how many points (100; a run of all checks takes a tenth), `FAULT_SEED` repeats one.
"""

import asyncio
import os
import random

import pytest

from scripts.voice import say
from tests.faults.rig import Rig, rig
from tests.faults.work import Client, Promises, judge

KILLS = int(os.environ.get("FAULT_KILLS", "100"))
SEED = int(os.environ.get("FAULT_SEED", str(random.randrange(1_000_000))))
CLIENTS = 6


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
    for client in clients:
        client.stop = True
    await asyncio.gather(*working)
    assert promises.tokens, "no work was done at all"
    assert promises.looks, "nothing was looked at"
    return await judge(there, promises)


def test_nothing_is_lost_doubled_or_unaudited(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        say(f"\n  {KILLS} kills, FAULT_SEED={SEED}")
        with rig() as there:
            found = asyncio.run(disturbed(there, kills=KILLS, seed=SEED))
    assert found == {"lost": 0, "doubled": 0, "unaudited": 0, "wrong": 0, "chain": 0}


def test_the_twin_commits_that_do_not_wait_for_the_disk_are_found_out() -> None:
    settings = {"synchronous_commit": "off", "wal_writer_delay": "10s", "wal_writer_flush_after": "1GB"}
    with rig(settings=settings) as there:
        found = asyncio.run(disturbed(there, kills=4, seed=SEED, only="postgres"))
    assert found["lost"] > 0
    assert found["unaudited"] > 0


def test_the_twin_repeats_under_new_keys_are_found_out() -> None:
    with rig() as there:
        found = asyncio.run(disturbed(there, kills=6, seed=SEED, repeat_key=False, only="vault"))
    assert found["doubled"] > 0
