"""Workers drop what they hold of a person: told, cut off, dying, or just started."""

import asyncio

import psycopg
import pytest

from pii_vault import store
from pii_vault.core.primitives import new_key
from pii_vault.keys.cache import DekCache
from pii_vault.rights import caches
from pii_vault.rights.caches import ALONE_SECONDS, Obedience, obeyed, order_drop, tidy
from tests.integration.pii_vault.rights.conftest import Desk
from tests.support.vault import outage, rows

ANNA, VERA = b"a" * 16, b"v" * 16


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def worker(desk: Desk, clock: Clock) -> tuple[Obedience, DekCache]:
    deks = DekCache(10, 600)
    for subject in (ANNA, VERA):
        deks.put(subject, 0, new_key())
    return Obedience(desk.vault.pool, deks, monotonic=clock), deks


async def told(desk: Desk) -> int:
    async with desk.vault.pool.acquire() as connection:
        return await order_drop(connection, ANNA)


async def test_each_worker_drops_the_person_named_and_nobody_else(desk: Desk) -> None:
    (one, first), (two, second) = (worker(desk, Clock()) for _ in range(2))
    for each in (one, two):
        await each.tick()
    order = await told(desk)
    assert not await obeyed(desk.vault.pool, order)
    assert await one.tick() == 1
    assert not await obeyed(desk.vault.pool, order)  # the other one still holds it
    assert await two.tick() == 1
    assert await obeyed(desk.vault.pool, order)
    for deks in (first, second):
        assert deks.get(ANNA, 0) is None
        assert deks.get(VERA, 0) is not None
    assert await one.tick() == 0  # once


async def test_a_worker_that_starts_later_obeys_older_orders_too(desk: Desk) -> None:
    order = await told(desk)
    late, deks = worker(desk, Clock())
    await late.tick()
    assert deks.get(ANNA, 0) is None
    assert await obeyed(desk.vault.pool, order)


async def test_a_worker_cut_off_from_the_database_drops_everything_within_its_lease(desk: Desk) -> None:
    clock = Clock()
    alone, deks = worker(desk, clock)
    await alone.tick()
    with outage(desk.database):
        clock.now = ALONE_SECONDS - 1
        await alone.tick()
        assert len(deks) == 2  # a short outage costs nothing
        clock.now = ALONE_SECONDS + 1
        await alone.tick()
    assert len(deks) == 0


async def test_a_round_that_hangs_is_broken_off_and_ends_too_late_to_keep_anything(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "ROUND_SECONDS", 0.3)
    clock = Clock()
    alone, deks = worker(desk, clock)
    await alone.tick()
    clock.now = ALONE_SECONDS - 1
    with psycopg.connect(desk.database.superuser_url) as holder:
        holder.execute("LOCK TABLE cache_worker")
        hanging = asyncio.create_task(alone.tick())
        await asyncio.sleep(0.1)
        assert len(deks) == 2
        clock.now = ALONE_SECONDS + 1
        async with asyncio.timeout(5):
            assert await hanging == 0
    assert len(deks) == 0


def test_the_times_of_a_worker_that_is_cut_off_add_up_to_less_than_its_lease() -> None:
    hanging = caches.POLL_SECONDS + caches.ROUND_SECONDS + store.ACQUIRE_SECONDS
    assert caches.SEEN_SECONDS + ALONE_SECONDS + hanging < caches.LEASE.total_seconds()


async def test_a_worker_that_leaves_is_not_waited_for(desk: Desk) -> None:
    leaving, deks = worker(desk, Clock())
    await leaving.tick()
    order = await told(desk)
    await leaving.leave()
    assert await obeyed(desk.vault.pool, order)
    assert len(deks) == 0


async def test_what_is_long_over_is_forgotten(desk: Desk) -> None:
    await worker(desk, Clock())[0].tick()
    await told(desk)
    rows(desk.database, "UPDATE cache_worker SET seen = now() - interval '2 days'")
    rows(desk.database, "UPDATE cache_order SET created = now() - interval '8 days'")
    await tidy(desk.vault.pool)
    for table in ("cache_worker", "cache_order", "cache_ack"):
        assert rows(desk.database, f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608
