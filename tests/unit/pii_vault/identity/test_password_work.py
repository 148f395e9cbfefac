"""Threads of their own for password hashes, and a bounded queue before them."""

import asyncio
import threading
from functools import partial

import pytest
from starlette.concurrency import run_in_threadpool

from pii_vault.identity.errors import PasswordChecksBusy
from pii_vault.identity.password_work import PasswordWork
from pii_vault.problems import problem_headers


async def test_full_queue_refuses_and_the_shared_pool_stays_free() -> None:
    work = PasswordWork(at_once=2, waiting=3)
    go_on = threading.Event()
    running = [asyncio.create_task(work.run(go_on.wait)) for _ in range(5)]
    await asyncio.sleep(0)
    try:
        with pytest.raises(PasswordChecksBusy):
            await work.run(go_on.wait)
        # What is synchronous elsewhere has its threads, however many passwords are being checked.
        assert await asyncio.wait_for(run_in_threadpool(partial(sum, [1, 2])), 5) == 3
    finally:
        go_on.set()
    assert await asyncio.gather(*running) == [True] * 5
    assert await work.run(sum, [1, 2]) == 3  # and there is room again


async def test_room_is_held_until_the_thread_is_free_not_until_the_caller_gives_up() -> None:
    work = PasswordWork(at_once=1, waiting=0)
    began, go_on = threading.Event(), threading.Event()

    def check() -> None:
        began.set()
        go_on.wait()

    left = asyncio.create_task(work.run(check))
    await asyncio.to_thread(began.wait)
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    with pytest.raises(PasswordChecksBusy):
        await work.run(sum, [1])
    go_on.set()
    for _ in range(100):
        await asyncio.sleep(0.01)
        try:
            assert await work.run(sum, [1]) == 1
        except PasswordChecksBusy:
            continue
        return
    pytest.fail("the room was never given back")


def test_refusal_says_when_to_come_again() -> None:
    assert PasswordChecksBusy().status_code == 503
    assert int(problem_headers(PasswordChecksBusy())["retry-after"]) >= 1
