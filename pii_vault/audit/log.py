"""Group commit of audit records: an act and its record stand or fall together."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast, overload

import asyncpg

from pii_vault.audit.errors import AuditOutcomeUnknown
from pii_vault.audit.lane import Job, Lane, NotCommitted
from pii_vault.audit.record import AuditEntry, Encoded, RecordEncoder, SubjectHasher
from pii_vault.errors import AuditUnavailable

__all__ = ["AuditCommitter", "AuditEntry", "AuditOutcomeUnknown", "AuditUnavailable"]

T = TypeVar("T")

LOOKS_PER_GROUP: Final = 256
ACTS_PER_GROUP: Final = 16
LOOKS_IN_FLIGHT: Final = 1  # a second group of looks would only wait for the head, and halve the first
ACTS_IN_FLIGHT: Final = 2  # their own statements overlap with the other group's commit
GROUP_SECONDS: Final = 0.05  # after this long a group of acts takes no further one
ATTEMPTS: Final = 3

_APPEND: Final = "SELECT audit_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
_RETRIED: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


@dataclass(slots=True)
class AuditStats:
    """Since the process started. `size` is the log's, as far as this process has seen it."""

    records: int = 0
    groups: int = 0
    size: int = 0


class AuditCommitter:
    """One per worker process. Callers waiting at the same time share one transaction.

    Looks (records without `apply`) and acts wait in two queues, so that a look never waits behind a batch of writes.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        hash_key: bytes,
        deadline: float = 2.0,
        act_deadline: float = 10.0,
    ) -> None:
        """`deadline` is for looks; acts, which write rows of their own, have `act_deadline`, in seconds."""
        self.stats = AuditStats()
        self._encoder = RecordEncoder(SubjectHasher(hash_key))
        self._looks = Lane(pool, self._run_looks, LOOKS_PER_GROUP, LOOKS_IN_FLIGHT, deadline, gathers=True)
        self._acts = Lane(pool, self._run_acts, ACTS_PER_GROUP, ACTS_IN_FLIGHT, act_deadline)
        self._open = False

    async def start(self) -> None:
        self._open = True

    async def stop(self) -> None:
        """Finish what is under way; refuse the rest."""
        self._open = False
        await asyncio.gather(self._looks.finish(), self._acts.finish())

    @overload
    async def commit(self, entry: AuditEntry, *, apply: None = None, refusal: None = None) -> None: ...
    @overload
    async def commit(
        self,
        entry: AuditEntry,
        *,
        apply: Callable[[asyncpg.Connection], Awaitable[T]],
        refusal: AuditEntry | None = None,
    ) -> T: ...
    async def commit(
        self,
        entry: AuditEntry,
        *,
        apply: Callable[[asyncpg.Connection], Awaitable[T]] | None = None,
        refusal: AuditEntry | None = None,
    ) -> T | None:
        """Run `apply` in the shared transaction, append the record last, COMMIT; then return its result.

        `apply` runs under a savepoint. It may be run again after a deadlock, so it must have no effect but on
        its connection. The caller must not hold a connection of the same pool while it waits.

        Raises:
            AuditUnavailable: the record was not written in time and the act did not happen.
            AuditOutcomeUnknown: a kind of the former: the database fell silent, so the act may have been
                committed (its record then stands in the log). Nothing may be released.
            Exception: `apply`'s own error, for this act alone; its `refusal`, if given, is recorded first.
        """
        if not self._open:
            raise AuditUnavailable
        loop = asyncio.get_running_loop()
        job = Job(entry, loop.create_future(), apply=apply, refusal=refusal)
        if apply is None:
            job.encoded = self._encoder.encode(entry)
        lane = self._looks if apply is None else self._acts
        timer = loop.call_later(lane.deadline, job.expire)
        lane.put(job)
        try:
            return cast("T | None", await job.future)
        finally:
            timer.cancel()

    # --- groups, on one connection -------------------------------------------------------------------

    async def _append(self, connection: asyncpg.Connection, records: Sequence[Encoded]) -> int:
        """One round trip. Outside a transaction the statement is its own."""
        ends: list[int] = []
        subjects: list[int] = []
        details = [each.detail for each in records]
        for detail in details:
            subjects += detail.subjects
            ends.append(len(subjects))
        first = await connection.fetchval(
            _APPEND,
            [each.record for each in records],
            [each.tenant for each in details],
            [each.verb for each in details],
            [each.kind for each in details],
            [each.principal for each in details],
            [each.purpose for each in details],
            [each.decision for each in details],
            [each.at for each in details],
            [each.counts for each in details],
            ends,
            subjects,
            timeout=self._looks.deadline,
        )
        return cast("int", first)

    async def _run_looks(self, connection: asyncpg.Connection, group: list[Job]) -> None:
        records = [cast("Encoded", job.encoded) for job in group]
        try:
            first = await self._append(connection, records)
        except asyncpg.PostgresError as error:
            if connection.is_closed():
                raise
            raise NotCommitted from error
        self._count(first, len(records))
        for index, job in enumerate(group, start=first):
            job.entry.index = index
            job.resolve(None)

    async def _run_acts(self, connection: asyncpg.Connection, group: list[Job]) -> None:
        try:
            async with asyncio.timeout(self._acts.deadline):
                transaction = connection.transaction()
                await transaction.start()
                acts = _Acts(connection, group, self._encoder, self._acts)
                await acts.apply_all()
                records = acts.records
                first = await self._append(connection, records) if records else 0
        except Exception as error:
            raise NotCommitted from error
        await asyncio.wait_for(transaction.commit(), self._looks.deadline)
        self._count(first, len(records))
        acts.answer(first)

    def _count(self, first: int, records: int) -> None:
        self.stats.records += records
        self.stats.groups += 1
        self.stats.size = max(self.stats.size, first + records)


class _Acts:
    """The acts of one transaction, each under a savepoint; a lone act needs none: the transaction is its own."""

    def __init__(self, connection: asyncpg.Connection, group: list[Job], encoder: RecordEncoder, lane: Lane) -> None:
        self.records: list[Encoded] = []
        self._connection = connection
        self._group = group
        self._encoder = encoder
        self._lane = lane
        self._begun = False
        self._answers: list[tuple[Job, AuditEntry | None, Any, Exception | None]] = []

    async def apply_all(self) -> None:
        until = time.monotonic() + GROUP_SECONDS
        for place, job in enumerate(self._group):
            if place and time.monotonic() > until:
                self._leave(self._group[place:])
                return
            if job.future.done():  # its caller left or was told that the outcome is unknown
                continue
            await self._begin()
            try:
                result = await job.apply(self._connection)  # type: ignore[misc]  # acts have one
                self._record(job, job.entry, result, None)
            except Exception as error:
                if self._connection.is_closed():
                    raise
                await self._connection.execute("ROLLBACK; BEGIN" if self._alone else "ROLLBACK TO SAVEPOINT act")
                self._refuse(job, error)

    def _leave(self, jobs: list[Job]) -> None:
        """Large acts would only make one another wait for a common COMMIT: the rest has the next one."""
        for job in reversed(jobs):
            self._lane.put_back(job)

    @property
    def _alone(self) -> bool:
        return len(self._group) == 1

    async def _begin(self) -> None:
        if not self._alone:  # after a rollback to it the savepoint still stands, so releasing it never fails
            await self._connection.execute("RELEASE SAVEPOINT act; SAVEPOINT act" if self._begun else "SAVEPOINT act")
            self._begun = True

    def _refuse(self, job: Job, error: Exception) -> None:
        job.attempts += 1
        if isinstance(error, _RETRIED) and job.attempts < ATTEMPTS:
            self._lane.put_back(job)
        elif job.refusal is not None:
            self._record(job, job.refusal, None, error)
        else:
            self._answers.append((job, None, None, error))

    def _record(self, job: Job, entry: AuditEntry, result: object, error: Exception | None) -> None:
        self.records.append(self._encoder.encode(entry))
        self._answers.append((job, entry, result, error))

    def answer(self, first: int) -> None:
        """After COMMIT."""
        index = first
        for job, entry, result, error in self._answers:
            if entry is not None:
                entry.index = index
                index += 1
            if error is not None:
                job.fail(error)
            else:
                job.resolve(result)
