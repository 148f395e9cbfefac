"""The public contour's worker: periodic work in the queue of the same PostgreSQL. No personal data enters a job."""

import asyncio
import contextlib
import logging
import signal
import sys
from datetime import datetime, timedelta
from typing import Final

import procrastinate
from procrastinate import PsycopgConnector
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.compose import open_relay
from app.config import AppSettings, database_address
from app.erasures import service as erasures
from app.intake import repository as intake
from app.kit import idempotency
from app.kit.clock import Clock, utc_now
from app.kit.db import Database, make_engine
from app.messages.hand_over import Messages
from app.signin import sessions
from app.tenants import service as tenants
from pii_vault.client import RelayPort, configure_logging

logger = logging.getLogger(__name__)

# The order's sequence refuses an old event anyway; the ids only tell a duplicate from a stale one.
EVENTS_KEPT: Final = timedelta(days=30)
RETRY_SECONDS: Final = 5.0


async def purge(db: Database, *, now: datetime) -> int:
    """Delete what is over in every tenant: sessions, idempotency keys, ids of events. Returns how many tenants."""
    async with db.anonymous() as session:
        known = await tenants.all_ids(session)
    for tenant in known:
        async with db.tenant(tenant) as session:
            await _purge_tenant(session, now=now)
    return len(known)


async def _purge_tenant(session: AsyncSession, *, now: datetime) -> None:
    await sessions.purge(session, now=now)
    await idempotency.purge(session, now=now)
    await intake.forget(session, before=now - EVENTS_KEPT)
    await erasures.sweep(session, now=now)


def build_worker(db: Database, *, database_url: str, relay: RelayPort, clock: Clock = utc_now) -> procrastinate.App:
    """The queue with its tasks."""
    queue = procrastinate.App(connector=PsycopgConnector(conninfo=database_url))
    messages = Messages(db, relay, clock=clock)

    @queue.periodic(cron="* * * * *")
    @queue.task(name="hand_over_messages", queueing_lock="hand_over_messages", pass_context=False)
    async def hand_over_messages(timestamp: int) -> None:
        del timestamp
        await messages.hand_over_waiting()

    @queue.periodic(cron="*/10 * * * *")
    @queue.task(name="purge", queueing_lock="purge", pass_context=False)
    async def purge_task(timestamp: int) -> None:
        del timestamp
        count = await purge(db, now=clock())
        logger.info("purged what is over in %d tenants", count)

    @queue.periodic(cron="17 3 * * *")
    @queue.task(name="forget_jobs", queueing_lock="forget_jobs", pass_context=False)
    async def forget_jobs(timestamp: int) -> None:
        del timestamp
        await queue.job_manager.delete_old_jobs(nb_hours=24 * 7)

    return queue


async def run(settings: AppSettings) -> None:
    """Work until a signal comes; a database that is away is waited for."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    db = Database(make_engine(database_address(settings.database_url), pool_size=4))
    relay = open_relay(settings)
    try:
        while not stop.is_set():
            try:
                await _work(build_worker(db, database_url=settings.database_url, relay=relay), stop)
            except procrastinate.exceptions.ConnectorException as error:
                logger.warning("the queue is not available: %s", type(error).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), RETRY_SECONDS)
    finally:
        await relay.close()
        await db.close()


async def _work(queue: procrastinate.App, stop: asyncio.Event) -> None:
    """Until `stop`, or until the worker ends by itself: that is what it does, quietly, when it loses its database."""
    async with queue.open_async():
        worker = asyncio.create_task(
            queue.run_worker_async(
                concurrency=2,
                delete_jobs="successful",
                fetch_job_polling_interval=5,
                install_signal_handlers=False,  # ours tell a wish to end from a lost database
            )
        )
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({worker, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        worker.cancel()  # it finishes the jobs that run
        with contextlib.suppress(asyncio.CancelledError):
            await worker


def main() -> int:
    try:
        settings = AppSettings()
    except ValidationError as error:
        for entry in error.errors(include_input=False, include_url=False):
            sys.stderr.write(f"app worker: error: setting {'.'.join(map(str, entry['loc']))}: {entry['msg']}\n")
        return 2
    configure_logging(settings.log_level)
    try:
        asyncio.run(run(settings))
    except OSError as error:
        sys.stderr.write(f"app worker: error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
