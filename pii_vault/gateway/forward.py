"""Forwards events of the outbox to the public contour's intake, as soon as they are committed."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Final

import asyncpg
import httpx

from pii_vault.certificates import client_tls
from pii_vault.config import VaultSettings
from pii_vault.gateway.outbox import Event, Outbox, pause, problem_code
from pii_vault.gateway.store import CHANNEL
from pii_vault.store import DATABASE_ERRORS

logger = logging.getLogger(__name__)

PATH: Final = "/intake/v1/events"
PATHS_BY_PREFIX: Final = {"ers": "/intake/v1/erasures", "rly": "/intake/v1/dispatches"}
IN_PARALLEL: Final = 16
POLL_SECONDS: Final = 1.0  # finds what a lost notification did not tell, and what has become due
TIMEOUT_SECONDS: Final = 10.0
LONGEST_WAIT_SECONDS: Final = 300.0
RECONNECT_SECONDS: Final = 1.0
FAILURES_OF_AN_OUTAGE: Final = 3
PROBE_SECONDS: Final = 2.0
OK: Final = 200
RETRIED: Final = frozenset({408, 425, 429})
SERVER_ERROR: Final = 500


def intake_client(settings: VaultSettings) -> httpx.AsyncClient:
    """A client that shows the private contour's certificate and trusts the public contour's authority only."""
    return httpx.AsyncClient(
        base_url=settings.app_intake_url,
        verify=client_tls(certificate=settings.outbound_cert, key=settings.outbound_key, authority=settings.public_ca),
        timeout=TIMEOUT_SECONDS,
        limits=httpx.Limits(max_connections=IN_PARALLEL, max_keepalive_connections=IN_PARALLEL),
        trust_env=False,
    )


async def forwarder_pool(database_url: str) -> asyncpg.Pool:
    """Commits of the forwarder need no disk: what a crash forgets is sent again, and recognised."""
    return await asyncpg.create_pool(
        database_url,
        min_size=1,
        max_size=4,
        command_timeout=TIMEOUT_SECONDS,
        server_settings={"application_name": "larets-outbox", "synchronous_commit": "off", "jit": "off"},
    )


class Forwarder:
    """One per process; several processes share the work.

    `may_send` is asked before anything is taken up, each time: a database that was restored under a worker that runs
    must not tell the public contour of persons who were erased.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        client: httpx.AsyncClient,
        *,
        may_send: Callable[[], bool],
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._pool = pool
        self._outbox = Outbox(pool)
        self._client = client
        self._may_send = may_send
        self._poll_seconds = poll_seconds
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._quiet_until = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Forwards until `stop`; then finishes what is on its way. The database may go and come back."""
        listening = asyncio.create_task(self._listen())
        stopping = asyncio.create_task(self._stopped(stop))
        try:
            while not stop.is_set():
                self._wake.clear()
                try:
                    await self._claim()
                except DATABASE_ERRORS as error:
                    logger.warning("the outbox cannot be read: %s", type(error).__name__)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._poll_seconds)
        finally:
            for task in (listening, stopping):
                task.cancel()
            await asyncio.gather(listening, stopping, return_exceptions=True)
            if self._tasks:
                await asyncio.wait(self._tasks)

    async def _stopped(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()

    async def _claim(self) -> None:
        """Starts sending what may be sent."""
        if not self._may_send():
            return
        room = IN_PARALLEL - len(self._tasks)
        if self._failures >= FAILURES_OF_AN_OUTAGE:
            # The receiver is away: one event at a time asks for it, the others keep their turn.
            room = 0 if self._tasks or time.monotonic() < self._quiet_until else 1
        if room <= 0:
            return
        events = await self._outbox.claim(room)
        for event in events:
            task = asyncio.create_task(self._forward(event))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _forward(self, event: Event) -> None:
        crowded = len(self._tasks) >= IN_PARALLEL
        try:
            more = await self._send(event)
        except DATABASE_ERRORS as error:
            # The lease runs out and the event is sent again; the receiver knows it by its id.
            logger.warning("event %s: its outcome was not noted: %s", event.id, type(error).__name__)
            return
        if more or crowded or self._failures:
            self._wake.set()

    async def _send(self, event: Event) -> bool:
        """One attempt. True when another event of the object waits."""
        try:
            response = await self._client.post(
                path_of(event), content=event.body, headers={"content-type": "application/json"}
            )
        except httpx.HTTPError as error:
            await self._retry(event, failure=type(error).__name__, seconds=pause(event.attempts))
            return False
        status = response.status_code
        if status == OK:
            self._recovered()
            return await self._outbox.done(event)
        if status >= SERVER_ERROR or status in RETRIED:
            seconds = _asked_wait(response) or pause(event.attempts)
            await self._retry(event, failure=f"status {status}", seconds=seconds)
            return False
        self._recovered()
        failure = f"status {status} {problem_code(_content(response))}".strip()
        await self._outbox.bury(event, failure=failure)
        logger.error("event %s was refused for good: %s; see `larets shop deliveries --dead`", event.id, failure)
        return True

    async def _retry(self, event: Event, *, failure: str, seconds: float) -> None:
        self._failures += 1
        if self._failures == FAILURES_OF_AN_OUTAGE:
            logger.warning("the public contour does not take events (%s); they wait in the outbox", failure)
        self._quiet_until = time.monotonic() + min(PROBE_SECONDS, pause(self._failures))
        await self._outbox.later(event, seconds=seconds, failure=failure)

    def _recovered(self) -> None:
        if self._failures >= FAILURES_OF_AN_OUTAGE:
            logger.info("the public contour takes events again")
        self._failures = 0

    def _hear(self, *_: object) -> None:
        self._wake.set()

    async def _listen(self) -> None:
        """Keeps one connection that hears of each commit; makes it anew when it is lost."""
        while True:
            lost = asyncio.Event()
            try:
                async with self._pool.acquire() as connection:
                    connection.add_termination_listener(lambda *_, lost=lost: lost.set())
                    await connection.add_listener(CHANNEL, self._hear)
                    try:
                        self._wake.set()
                        await lost.wait()
                    finally:
                        await connection.remove_listener(CHANNEL, self._hear)
            except DATABASE_ERRORS as error:
                logger.warning("the outbox's notifications are interrupted: %s", type(error).__name__)
            await asyncio.sleep(RECONNECT_SECONDS)


def path_of(event: Event) -> str:
    """Orders to drop an erased person's tokens (rights/public.py) and what became of messages (relay/tell.py) are told
    by their ids; all else is a shop's event.
    """
    return PATHS_BY_PREFIX.get(event.id.partition("_")[0], PATH)


def _asked_wait(response: httpx.Response) -> float | None:
    """Seconds of `Retry-After`, bounded; None where there is none."""
    text = response.headers.get("retry-after", "")
    return min(float(text), LONGEST_WAIT_SECONDS) if text.isdecimal() and len(text) < 6 else None  # noqa: PLR2004


def _content(response: httpx.Response) -> object:
    try:
        return response.json()
    except ValueError:
        return None
