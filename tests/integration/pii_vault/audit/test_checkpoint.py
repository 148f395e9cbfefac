"""Signing at intervals, and the conversation with the witness."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest

from pii_vault.audit import checkpoint as checkpoints
from pii_vault.audit import note as notes
from pii_vault.audit import tree
from pii_vault.audit.checkpoint import SilenceAlarm, newest_note, run_checkpoints
from pii_vault.audit.log import AuditCommitter
from pii_vault.audit.query import witness_lag
from pii_vault.audit.witness import WitnessElsewhere, WitnessRefuses, WitnessSilent
from tests.integration.pii_vault.audit.support import (
    LOG_KEY,
    LOG_SEED,
    ORIGIN,
    WITNESS_KEY,
    BlindWitness,
    LogKeys,
    fill,
    make_checkpointer,
)
from tests.support.postgres import Database


@pytest.fixture
async def owner(vault_database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(vault_database.owner_url)
    yield connection
    await connection.close()


async def test_a_log_without_records_is_not_signed(pool: asyncpg.Pool) -> None:
    assert not await make_checkpointer(pool).sign()
    assert await newest_note(pool) is None


async def test_growth_is_signed_cosigned_and_served(pool: asyncpg.Pool, committer: AuditCommitter) -> None:
    witness = BlindWitness()
    checkpointer = make_checkpointer(pool, witness.client())
    await fill(committer, 3)
    assert await checkpointer.sign()
    assert not await checkpointer.sign()
    await checkpointer.push()
    await checkpointer.push()  # nothing new: the witness is left in peace
    assert len(witness.requests) == 1
    note = notes.parse_note(await newest_note(pool) or "")
    assert notes.open_checkpoint(note, LOG_KEY).size == 3
    assert notes.verify_cosignature(note, WITNESS_KEY) == 1_700_000_000


async def test_large_growth_is_signed_in_steps(
    pool: asyncpg.Pool, committer: AuditCommitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "MOST_RECORDS", 4)
    await fill(committer, 10)
    checkpointer = make_checkpointer(pool)
    assert [await checkpointer.sign() for _ in range(4)] == [True, True, True, False]
    newest = await tree.newest_checkpoint(pool)
    assert newest is not None
    assert newest.size == 10


async def test_a_second_worker_neither_repeats_nor_takes_back(pool: asyncpg.Pool, committer: AuditCommitter) -> None:
    await fill(committer, 3)
    async with pool.acquire() as connection:
        late = await tree.grow(connection, most=100)
    assert late is not None
    await fill(committer, 2, start=3)
    await make_checkpointer(pool).sign()
    async with pool.acquire() as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await tree.save(connection, late, "late")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT audit_extend('{}', '{}', '{}', 99, sha256(''), 'beyond the head')",
        "SELECT audit_extend('{0}', '{0}', ARRAY[sha256('')], 4, sha256(''), '')",
    ],
)
async def test_the_tree_only_grows(pool: asyncpg.Pool, committer: AuditCommitter, statement: str) -> None:
    await fill(committer, 3)
    await make_checkpointer(pool).sign()
    await fill(committer, 1, start=3)
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(statement)


async def test_a_cosignature_is_never_replaced(pool: asyncpg.Pool, committer: AuditCommitter) -> None:
    await fill(committer, 1)
    checkpointer = make_checkpointer(pool, BlindWitness().client())
    await checkpointer.sign()
    await checkpointer.push()
    before = await newest_note(pool)
    await pool.execute("SELECT audit_cosign(1, 'other')")
    assert await newest_note(pool) == before


async def test_a_witness_that_is_behind_gets_the_proof_from_its_size(
    pool: asyncpg.Pool, committer: AuditCommitter
) -> None:
    witness = BlindWitness()
    checkpointer = make_checkpointer(pool, witness.client())
    await fill(committer, 4)
    await checkpointer.sign()
    await checkpointer.push()
    await fill(committer, 4, start=4)
    await checkpointer.sign()
    size_3 = httpx.Response(409, content=b"3\n", headers={"content-type": "text/x.tlog.size"})
    witness.answer = size_3
    with pytest.raises(WitnessElsewhere):
        await checkpointer.push()
    assert [request.partition(b"\n")[0] for request in witness.requests[1:]] == [b"old 4", b"old 3"]
    witness.answer = None
    await checkpointer.push()
    assert await tree.witnessed_size(pool) == 8


async def test_a_witness_that_has_seen_more_means_a_rollback(
    pool: asyncpg.Pool, committer: AuditCommitter, caplog: pytest.LogCaptureFixture
) -> None:
    witness = BlindWitness()
    witness.answer = httpx.Response(409, content=b"900\n", headers={"content-type": "text/x.tlog.size"})
    await fill(committer, 2)
    await checkpoints._step(make_checkpointer(pool, witness.client()))
    assert "rolled back" in caplog.text
    assert len(witness.requests) == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(503), WitnessSilent),
        (httpx.ConnectTimeout("away"), WitnessSilent),
        (httpx.Response(422), WitnessRefuses),
        (httpx.Response(403), WitnessRefuses),
        (httpx.Response(409, content=b"x\n", headers={"content-type": "text/x.tlog.size"}), WitnessRefuses),
        (httpx.Response(200, text="thanks\n"), WitnessRefuses),
    ],
)
async def test_other_answers(
    pool: asyncpg.Pool, committer: AuditCommitter, answer: httpx.Response, expected: type[Exception]
) -> None:
    witness = BlindWitness()
    witness.answer = answer
    await fill(committer, 1)
    checkpointer = make_checkpointer(pool, witness.client())
    await checkpointer.sign()
    with pytest.raises(expected):
        await checkpointer.push()
    assert await tree.witnessed_size(pool) == 0


async def test_a_cosignature_of_another_key_is_not_kept(pool: asyncpg.Pool, committer: AuditCommitter) -> None:
    await fill(committer, 1)
    checkpointer = make_checkpointer(pool, BlindWitness(seed=LOG_SEED).client())
    await checkpointer.sign()
    with pytest.raises(WitnessRefuses):
        await checkpointer.push()
    assert await tree.witnessed_size(pool) == 0


async def test_silence_raises_an_alarm_and_only_that(
    pool: asyncpg.Pool, committer: AuditCommitter, owner: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    alarm = SilenceAlarm(pool)
    await fill(committer, 2)
    await alarm.look()
    assert not (await witness_lag(pool)).silent
    assert "no cosignature" not in caplog.text
    await owner.execute("UPDATE audit_detail SET at = at - interval '6 minutes'")
    lag = await witness_lag(pool)
    assert (lag.silent, lag.records) == (True, 2)
    await alarm.look()
    await alarm.look()
    assert caplog.text.count("no cosignature for 6 minutes, 2 records") == 1
    await fill(committer, 1, start=2)
    checkpointer = make_checkpointer(pool, BlindWitness().client())
    await checkpointer.sign()
    await checkpointer.push()
    assert (await witness_lag(pool)).records == 0


async def test_the_loop_goes_on_through_failures(
    pool: asyncpg.Pool, committer: AuditCommitter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    witness = BlindWitness()
    witness.answer = httpx.ConnectError("away")
    await fill(committer, 1)
    keys = LogKeys()
    loop = asyncio.create_task(
        run_checkpoints(pool, keys, origin=ORIGIN, witness=witness.client(), seconds=0.01)  # type: ignore[arg-type]
    )
    await asyncio.sleep(0.2)
    assert "the witness does not answer" in caplog.text
    witness.answer = None
    async with asyncio.timeout(5):
        while await tree.witnessed_size(pool) == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    loop.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await loop


async def test_damaged_tiles_are_said_and_not_signed_over(
    pool: asyncpg.Pool, committer: AuditCommitter, owner: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    checkpointer = make_checkpointer(pool)
    await fill(committer, 5)
    await checkpointer.sign()
    await owner.execute("DELETE FROM audit_tile")
    await fill(committer, 1, start=5)
    await checkpoints._step(checkpointer)
    assert "damaged" in caplog.text
    newest = await tree.newest_checkpoint(pool)
    assert newest is not None
    assert newest.size == 5


async def test_tidying_thins_old_checkpoints_but_keeps_the_last_cosigned_of_each_hour(
    pool: asyncpg.Pool, committer: AuditCommitter, owner: asyncpg.Connection
) -> None:
    checkpointer = make_checkpointer(pool, BlindWitness().client())
    for size in range(1, 7):
        await fill(committer, 1, start=size - 1)
        await checkpointer.sign()
        if size != 5:
            await checkpointer.push()
    await owner.execute(
        "UPDATE audit_checkpoint SET signed_at = date_trunc('hour', now()) - interval '2 days 1 minute'"
    )
    await owner.execute("UPDATE audit_checkpoint SET signed_at = signed_at + interval '1 hour' WHERE size >= 4")
    await pool.execute("SELECT audit_tidy()")
    assert [row["size"] for row in await owner.fetch("SELECT size FROM audit_checkpoint ORDER BY size")] == [3, 6]
