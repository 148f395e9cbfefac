"""Either database, or both, are put back to a backup: the log is witnessed again, and `verify` holds."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg
import httpx
import pytest

from pii_vault.audit.checkpoint import Checkpointer
from pii_vault.audit.errors import OriginNotNeeded, OriginNotShown
from pii_vault.audit.log import AuditCommitter
from pii_vault.audit.origin import Succession
from pii_vault.audit.verify import Report
from pii_vault.audit.witness import WitnessRefuses
from tests.integration.app.witness.halves import (
    PRIVATE,
    PUBLIC,
    Backup,
    new_checkpointer,
    new_origin,
    step,
    verify,
)
from tests.integration.app.witness.support import LOG_KEY
from tests.integration.pii_vault.audit.support import fill
from tests.support.postgres import Database

SECOND, THIRD = f"{LOG_KEY.name}/2", f"{LOG_KEY.name}/3"


@dataclass(slots=True)
class Halves:
    """`worker` is the private half's, as long as nobody restarts it; records of each `grow` are unlike all others."""

    vault: Database
    app: Database
    pool: asyncpg.Pool
    committer: AuditCommitter
    client: httpx.AsyncClient
    worker: Checkpointer
    filled: int = 0

    async def record(self, count: int) -> None:
        await fill(self.committer, count, start=self.filled)
        self.filled += count

    async def grow(self, count: int) -> None:
        await self.record(count)
        await step(self.worker)

    def private(self) -> Backup:
        return Backup.take(self.vault, PRIVATE)

    def public(self) -> Backup:
        return Backup.take(self.app, PUBLIC)

    def restore_private(self, backup: Backup) -> None:
        """The worker rests meanwhile: another process begins after it."""
        backup.restore()
        self.worker = new_checkpointer(self.pool, self.client)

    async def found(self) -> Succession:
        return await new_origin(self.vault, self.client)

    async def verify(self) -> Report:
        return await verify(self.vault, self.client)

    async def statements(self) -> list[str]:
        return list((await self.client.get("/witness/history")).json()["origins"])


@pytest.fixture
def halves(
    pool: asyncpg.Pool,
    committer: AuditCommitter,
    client: httpx.AsyncClient,
    vault_database: Database,
    app_database: Database,
) -> Halves:
    return Halves(vault_database, app_database, pool, committer, client, new_checkpointer(pool, client))


async def check_witnessed(halves: Halves, *, records: int, origin: str, lost: int) -> None:
    report = await halves.verify()
    assert report.problems == []
    assert (report.witnessed, report.unwitnessed, report.origin, report.lost) == (records, 0, origin, lost)


async def test_a_public_half_that_was_restored_catches_up_by_itself(halves: Halves) -> None:
    await halves.grow(4)
    backup = halves.public()
    await halves.grow(5)
    backup.restore()
    assert (await halves.verify()).ok  # it keeps less than the log, and nothing else
    await halves.grow(3)
    await check_witnessed(halves, records=12, origin=LOG_KEY.name, lost=0)


async def test_a_public_half_that_saw_nothing_yet_catches_up_too(halves: Halves) -> None:
    backup = halves.public()
    await halves.grow(5)
    backup.restore()
    await halves.grow(3)
    await check_witnessed(halves, records=8, origin=LOG_KEY.name, lost=0)


async def _second_origin(halves: Halves) -> Backup:
    """Nine records were witnessed, six are left, and a new origin is witnessed up to eight.

    The public half's backup is of when it had seen four.
    """
    await halves.grow(4)
    public = halves.public()
    await halves.grow(2)
    private = halves.private()
    await halves.grow(3)
    halves.restore_private(private)
    said = await halves.found()
    assert (said.origin, said.kept, said.witnessed.size, said.lost) == (SECOND, 6, 9, 3)
    await halves.grow(1)
    await check_witnessed(halves, records=8, origin=SECOND, lost=3)
    return public


@pytest.mark.parametrize("restarted", [False, True])
async def test_private_first_then_public(halves: Halves, *, restarted: bool) -> None:
    public = await _second_origin(halves)
    kept = await halves.statements()
    public.restore()
    assert await halves.statements() == []
    assert (await halves.verify()).ok
    if restarted:
        halves.worker = new_checkpointer(halves.pool, halves.client)
    await halves.grow(2)
    await check_witnessed(halves, records=10, origin=SECOND, lost=3)
    assert await halves.statements() == kept
    assert SECOND in (await halves.client.get("/witness/checkpoint")).text
    await halves.grow(2)
    await check_witnessed(halves, records=12, origin=SECOND, lost=3)


async def test_private_first_then_a_public_half_that_saw_nothing_yet(halves: Halves) -> None:
    empty = halves.public()
    await _second_origin(halves)
    empty.restore()
    await halves.grow(2)
    await check_witnessed(halves, records=10, origin=SECOND, lost=3)


async def test_public_first_then_private_to_before_what_is_witnessed_still(halves: Halves) -> None:
    await halves.grow(2)
    private = halves.private()
    await halves.grow(2)
    public = halves.public()
    await halves.grow(5)
    public.restore()
    halves.restore_private(private)
    said = await halves.found()
    assert (said.origin, said.kept, said.witnessed.size, said.lost) == (SECOND, 2, 4, 2)
    await halves.grow(1)
    await check_witnessed(halves, records=4, origin=SECOND, lost=2)


async def test_public_first_then_private_to_after_what_is_witnessed_still(halves: Halves) -> None:
    """Neither half remembers the records beyond the private backup: the log goes on as if they had never been."""
    await halves.grow(4)
    public = halves.public()
    await halves.grow(2)
    private = halves.private()
    await halves.grow(5)
    public.restore()
    halves.restore_private(private)
    with pytest.raises(OriginNotNeeded):
        await halves.found()
    await halves.grow(1)
    await check_witnessed(halves, records=7, origin=LOG_KEY.name, lost=0)


async def test_each_of_two_origins_is_announced_in_order(halves: Halves) -> None:
    public = await _second_origin(halves)
    private = halves.private()
    await halves.grow(4)
    between = halves.public()  # knows the second origin, and less of it than the third's statement names
    await halves.grow(2)
    halves.restore_private(private)
    said = await halves.found()
    assert (said.origin, said.kept, said.witnessed.size, said.lost) == (THIRD, 8, 14, 6)
    await halves.grow(1)
    kept = await halves.statements()
    assert len(kept) == 2

    for number, backup in enumerate((between, public, between), start=1):
        backup.restore()
        await halves.grow(1)
        await check_witnessed(halves, records=10 + number, origin=THIRD, lost=9)
        assert sorted(await halves.statements()) == sorted(kept)


async def test_a_second_restore_finds_the_origin_founded_already(halves: Halves) -> None:
    """A new one would bear the same number: the witness has to be shown what there is first."""
    public = await _second_origin(halves)
    public.restore()
    with pytest.raises(OriginNotShown):
        await halves.found()
    assert await halves.pool.fetchval("SELECT count(*) FROM audit_origin") == 1
    await halves.grow(1)
    with pytest.raises(OriginNotNeeded):
        await halves.found()
    await check_witnessed(halves, records=9, origin=SECOND, lost=3)


async def test_a_restore_that_is_undone_takes_a_new_origin_too(halves: Halves) -> None:
    """The witness saw the restored log go on, so to it the log of before is the one that was set back."""
    await halves.grow(4)
    private = halves.private()
    await halves.grow(5)
    before = halves.private()
    halves.restore_private(private)
    await halves.found()
    await halves.grow(1)
    halves.restore_private(before)
    with pytest.raises(WitnessRefuses):
        await halves.grow(1)
    said = await halves.found()
    assert (said.origin, said.kept, said.common, said.witnessed.size, said.lost) == (THIRD, 10, 4, 6, 2)
    await halves.grow(1)
    await check_witnessed(halves, records=12, origin=THIRD, lost=2)


async def test_a_statement_of_an_older_release_is_not_enough_for_a_witness_that_forgot(halves: Halves) -> None:
    public = await _second_origin(halves)
    async with asyncpg.create_pool(halves.vault.owner_url, min_size=1, max_size=1) as owner:
        await owner.execute("UPDATE audit_origin SET witnessed = NULL")
    public.restore()
    with pytest.raises(WitnessRefuses):
        await halves.grow(1)
    assert await halves.statements() == []


async def test_a_witness_of_an_older_release_is_shown_the_statement_alone(halves: Halves) -> None:
    """It reads nothing else, and where both halves remember it needs nothing else."""
    shown: list[bytes] = []

    async def note(request: httpx.Request) -> None:
        if request.url.path.endswith("/new-origin"):
            shown.append(await request.aread())

    hooks: list[Callable[[httpx.Request], Awaitable[None]]] = [note]
    halves.client.event_hooks["request"] = hooks
    await _second_origin(halves)
    assert [body.decode() for body in shown] == await halves.statements()
