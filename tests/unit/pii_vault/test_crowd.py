"""A group waits for those who are about to join it, and for nobody else."""

import asyncio
import time

from pii_vault.crowd import Crowd


async def test_one_who_is_alone_waits_for_nobody() -> None:
    crowd = Crowd(seconds=5)
    await asyncio.wait_for(crowd.gather(1), 0.5)
    crowd.served(1, 0)
    await asyncio.wait_for(crowd.gather(1), 0.5)


async def test_those_served_together_are_waited_for() -> None:
    crowd = Crowd(seconds=5)
    crowd.served(2, 1)
    group = asyncio.create_task(crowd.gather(1))
    await asyncio.sleep(0.01)
    crowd.came(2)
    await asyncio.sleep(0.01)
    assert not group.done()
    crowd.came(3)
    await asyncio.wait_for(group, 0.5)


async def test_a_crowd_that_does_not_come_back_delays_one_group_only() -> None:
    crowd = Crowd(seconds=0.05)
    crowd.served(8, 0)
    began = time.monotonic()
    await crowd.gather(1)
    assert 0.04 < time.monotonic() - began < 2
    crowd.served(1, 0)
    await asyncio.wait_for(crowd.gather(1), 0.02)


async def test_a_group_that_gives_up_waiting_leaves_nothing_behind() -> None:
    crowd = Crowd(seconds=0.05)
    crowd.served(4, 0)
    group = asyncio.create_task(crowd.gather(1))
    await asyncio.sleep(0)
    group.cancel()
    await asyncio.gather(group, return_exceptions=True)
    crowd.came(4)
    await asyncio.wait_for(crowd.gather(4), 0.5)
