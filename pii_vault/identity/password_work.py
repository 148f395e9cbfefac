"""Threads of their own for what hashes passwords, and a short queue before them.

A hash costs tens of milliseconds and of megabytes by design. In the shared pool a burst of sign-ins would hold every
thread, and with them the sessions, the console and all else that is synchronous; without a bound on the queue the last
in it would wait longer than any browser does.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from pii_vault.identity.errors import PasswordChecksBusy

T = TypeVar("T")


class PasswordWork:
    """One per process; the threads are made with the first job, so a process may fork before it."""

    def __init__(self, *, at_once: int, waiting: int) -> None:
        self._room = threading.BoundedSemaphore(at_once + waiting)
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="password")

    async def run(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Raises PasswordChecksBusy when the queue is full; nothing was begun then."""
        if not self._room.acquire(blocking=False):
            raise PasswordChecksBusy
        try:
            job = self._pool.submit(partial(function, *args, **kwargs))
        except BaseException:
            self._room.release()
            raise
        # Not when the caller has stopped waiting but when the thread is free again.
        job.add_done_callback(lambda _: self._room.release())
        return await asyncio.wrap_future(job)
