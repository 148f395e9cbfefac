"""Jobs that wait together are done together: a bounded queue whose whole content goes to the database at once."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from pii_vault.audit.errors import AuditOutcomeUnknown
from pii_vault.audit.record import AuditEntry, Encoded
from pii_vault.crowd import Crowd
from pii_vault.errors import AuditUnavailable
from pii_vault.kept import KeptConnections
from pii_vault.store import DATABASE_ERRORS

logger = logging.getLogger(__name__)

Apply = Callable[[asyncpg.Connection], Awaitable[Any]]
GroupRunner = Callable[[asyncpg.Connection, "list[Job]"], Awaitable[None]]


@dataclass(slots=True, eq=False)
class Job:
    """One caller's act on its way into the log."""

    entry: AuditEntry
    future: "asyncio.Future[Any]"
    encoded: Encoded | None = None
    apply: Apply | None = None
    refusal: AuditEntry | None = None
    taken: bool = False
    attempts: int = 0

    def resolve(self, result: object) -> None:
        if not self.future.done():
            self.future.set_result(result)

    def fail(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)

    def expire(self) -> None:
        """The caller's time is up. A job not yet taken is skipped for certain; a taken one may still commit."""
        self.fail(AuditOutcomeUnknown() if self.taken else AuditUnavailable())


class NotCommitted(Exception):
    """The transaction of a group certainly did not commit."""


@dataclass(slots=True, eq=False)
class Lane:
    """Runs waiting jobs in groups, at most `in_flight` groups at a time, one database connection each."""

    pool: asyncpg.Pool
    run: GroupRunner
    limit: int
    in_flight: int
    deadline: float
    gathers: bool = False  # whether a group waits a moment for those who were served with the last one
    _kept: KeptConnections = field(init=False)
    _crowd: Crowd = field(default_factory=Crowd)
    _waiting: deque[Job] = field(default_factory=deque)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._kept = KeptConnections(self.pool, seconds=self.deadline)

    def put(self, job: Job) -> None:
        self._waiting.append(job)
        self._crowd.came(len(self._waiting))
        self._wake()

    def put_back(self, job: Job) -> None:
        job.taken = False
        self._waiting.appendleft(job)

    def _wake(self) -> None:
        if self._waiting and len(self._tasks) < self.in_flight:
            task = asyncio.create_task(self._drain())
            self._tasks.add(task)
            task.add_done_callback(self._drained)

    def _drained(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._wake()

    def _take(self) -> list[Job]:
        group: list[Job] = []
        while self._waiting and len(group) < self.limit:
            job = self._waiting.popleft()
            if not job.future.done():
                job.taken = True
                group.append(job)
        return group

    async def _drain(self) -> None:
        """One connection for as long as work waits."""
        try:
            connection = await self._kept.take()
        except DATABASE_ERRORS as error:
            logger.warning("audit: no usable database connection: %s", type(error).__name__)
            if len(self._tasks) <= 1:  # another task that has a connection serves the waiting ones
                self.refuse_waiting()
            return
        try:
            while group := await self._next_group():
                if not await self._run_group(connection, group):
                    return  # the connection was given up; whoever waits gets another one
                self._crowd.served(len(group), len(self._waiting))
        finally:
            self._kept.give(connection)

    async def _next_group(self) -> list[Job]:
        if self.gathers and self._waiting:
            await self._crowd.gather(len(self._waiting))
        return self._take()

    async def _run_group(self, connection: asyncpg.Connection, group: list[Job]) -> bool:
        try:
            await self.run(connection, group)
        except Exception as error:  # noqa: BLE001  whatever it is, no caller may be left without an answer
            logger.error("audit: a group of %d was not recorded: %s", len(group), type(error).__name__)  # noqa: TRY400  the text of a database error may quote a row
            certain = isinstance(error, NotCommitted)
            for job in group:
                if job.taken:
                    job.fail(AuditUnavailable() if certain else AuditOutcomeUnknown())
            connection.terminate()
            return False
        except BaseException:
            for job in group:
                job.fail(AuditOutcomeUnknown())
            connection.terminate()
            raise
        return True

    def refuse_waiting(self) -> None:
        while self._waiting:
            self._waiting.popleft().fail(AuditUnavailable())

    async def finish(self) -> None:
        """Wait for what is under way, then refuse the rest."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=self.deadline)
        self.refuse_waiting()
        for task in set(self._tasks):
            task.cancel()
        await self._kept.close()
