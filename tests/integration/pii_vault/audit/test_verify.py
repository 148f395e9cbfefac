"""Whatever is changed behind the vault's back is found: each test is one way of tampering, done as a superuser."""

import asyncio
from collections.abc import AsyncIterator, Callable
from hashlib import sha256

import asyncpg
import psycopg
import pytest

from pii_vault.audit import note as notes
from pii_vault.audit import proof
from pii_vault.audit import record as record_module
from pii_vault.audit.log import AuditCommitter
from pii_vault.audit.verify import Report, WitnessCopy, verify_log
from pii_vault.core import primitives
from tests.integration.pii_vault.audit.support import (
    LOG_KEY,
    LOG_SEED,
    WITNESS_KEY,
    WITNESS_SEED,
    BlindWitness,
    fill,
    make_checkpointer,
)
from tests.support.postgres import Database

RECORDS = 30
WITNESSED = 20


@pytest.fixture
async def tamper(vault_database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(vault_database.superuser_url)
    yield connection
    await connection.close()


@pytest.fixture
async def check(
    vault_database: Database, pool: asyncpg.Pool, committer: AuditCommitter
) -> Callable[..., "asyncio.Future[Report]"]:
    """A log of 30 records with checkpoints at 10 and 20 (cosigned); five records came after the one at 25."""
    witness = BlindWitness()
    checkpointer = make_checkpointer(pool, witness.client())
    for size in (10, 20):
        await fill(committer, 10, start=size - 10)
        await checkpointer.sign()
        await checkpointer.push()
    await fill(committer, 5, start=20)
    await checkpointer.sign()
    await fill(committer, 5, start=25)

    def run(witness_note: str | None = None) -> "asyncio.Future[Report]":
        def verify() -> Report:
            copy = None if witness_note is None else WitnessCopy((witness_note,))
            return verify_log(vault_database.runtime_url, str(LOG_KEY), str(WITNESS_KEY), witness=copy)

        return asyncio.get_running_loop().run_in_executor(None, verify)

    return run


Check = Callable[..., "asyncio.Future[Report]"]


def kinds(report: Report) -> set[str]:
    return {problem.kind for problem in report.problems}


async def rebuild(tamper: asyncpg.Connection) -> None:
    """What a careful forger does after an edit: new leaf hashes, a new chain, a new head, new digests."""
    chain = bytes(32)
    size = 0
    for row in await tamper.fetch("SELECT idx, record FROM audit_log ORDER BY idx"):
        leaf = proof.leaf_hash(row["record"])
        chain = sha256(chain + leaf).digest()
        size = row["idx"] + 1
        await tamper.execute("UPDATE audit_log SET leaf = $2, chain = $3 WHERE idx = $1", row["idx"], leaf, chain)
    await tamper.execute("UPDATE audit_head SET size = $1, chain = $2", size, chain)


async def resign(tamper: asyncpg.Connection, *, keep_cosignatures: bool) -> None:
    """What one does who also holds the log's key: new tiles and new signatures for the forged history."""
    leaves = [row["leaf"] for row in await tamper.fetch("SELECT leaf FROM audit_log ORDER BY idx")]
    for row in await tamper.fetch("SELECT size, cosignature FROM audit_checkpoint"):
        tiles = proof.extend_tiles(0, {}, leaves[: row["size"]])
        checkpoint = notes.Checkpoint(LOG_KEY.name, row["size"], proof.range_root((0, row["size"]), tiles))
        signature = notes.sign_with(LOG_KEY, primitives.sign(LOG_SEED, checkpoint.text.encode()))
        await tamper.execute(
            "UPDATE audit_checkpoint SET root = $2, note = $3, cosignature = $4 WHERE size = $1",
            row["size"],
            checkpoint.root,
            str(notes.Note(checkpoint.text, (signature,))),
            row["cosignature"] if keep_cosignatures else None,
        )
        for (level, idx), hashes in tiles.items():
            await tamper.execute("UPDATE audit_tile SET hashes = $3 WHERE level = $1 AND idx = $2", level, idx, hashes)


async def witness_note(tamper: asyncpg.Connection) -> str:
    note, cosignature = await tamper.fetchrow(
        "SELECT note, cosignature FROM audit_checkpoint WHERE size = $1", WITNESSED
    )
    return str(note + cosignature)


async def test_an_untouched_log_holds(check: Check) -> None:
    report = await check()
    assert report.as_dict() == {
        "ok": True,
        "records": RECORDS,
        "checkpoints": 3,
        "witnessed": WITNESSED,
        "unwitnessed": 10,
        "compared": 0,
        "origin": "vault.test/audit",
        "lost": 0,
        "problems": [],
        "suppressed": 0,
    }


async def test_an_empty_log_holds(vault_database: Database) -> None:
    report = verify_log(vault_database.runtime_url, str(LOG_KEY), str(WITNESS_KEY))
    assert (report.ok, report.records, report.checkpoints) == (True, 0, 0)


async def test_an_edited_record(check: Check, tamper: asyncpg.Connection) -> None:
    await tamper.execute("UPDATE audit_log SET record = record || ' ' WHERE idx = 7")
    report = await check()
    assert {"record_changed", "chain_broken", "checkpoint_root", "tile_changed"} <= kinds(report)
    assert ("record_changed", 7) in [(each.kind, each.at) for each in report.problems]


async def test_an_edited_record_with_its_leaf_hash(check: Check, tamper: asyncpg.Connection) -> None:
    record = await tamper.fetchval("SELECT record || ' ' FROM audit_log WHERE idx = 28")
    await tamper.execute("UPDATE audit_log SET record = $1, leaf = $2 WHERE idx = 28", record, proof.leaf_hash(record))
    assert kinds(await check()) == {"chain_broken"}


async def test_an_edited_record_with_the_whole_chain_rebuilt(check: Check, tamper: asyncpg.Connection) -> None:
    await tamper.execute("UPDATE audit_log SET record = record || ' ' WHERE idx = 7")
    await rebuild(tamper)
    assert kinds(await check()) == {"checkpoint_root", "tile_changed"}


@pytest.mark.parametrize(
    "change",
    [
        "subjects = ARRAY[1]::bigint[]",
        "subjects = '{}'",
        "principal = 'stf_other'",
        "purpose = 'support'",
        "decision = 'deny'",
        "at = at + interval '1 microsecond'",
        "tenant = 'other'",
        "verb = 'mask'",
        "counts = '{}'",
        # Texts that move into the next column: with a line feed between them these were one and the same.
        "verb = verb || E'\\n' || principal_kind || E'\\n' || principal, principal_kind = 'x', principal = 'y'",
        "verb = left(verb, 4), principal_kind = right(verb, -4) || principal_kind",
    ],
)
async def test_an_edited_detail(check: Check, tamper: asyncpg.Connection, change: str) -> None:
    await tamper.execute(f"UPDATE audit_detail SET {change} WHERE idx = 27")  # noqa: S608
    report = await check()
    assert [(each.kind, each.at) for each in report.problems] == [("detail_changed", 27)]


async def test_records_of_the_release_before_still_verify_and_are_as_hard_to_change(
    pool: asyncpg.Pool, committer: AuditCommitter, vault_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(record_module, "VERSION", 1)
        await fill(committer, 3)
    await fill(committer, 3, start=3)

    def verify() -> Report:
        return verify_log(vault_database.runtime_url, str(LOG_KEY), str(WITNESS_KEY))

    report = await asyncio.get_running_loop().run_in_executor(None, verify)
    assert (report.ok, report.records) == (True, 6)
    async with pool.acquire() as connection:
        versions = await connection.fetch(
            "SELECT convert_from(record, 'UTF8')::jsonb ->> 'v' AS v FROM audit_log ORDER BY idx"
        )
    assert [row["v"] for row in versions] == ["1"] * 3 + ["2"] * 3
    # In version 1 this row has the same bytes under the hash; that it holds a line feed gives it away.
    with psycopg.connect(vault_database.superuser_url) as connection_:
        connection_.execute(
            "UPDATE audit_detail SET verb = verb || E'\\n' || principal_kind, principal_kind = principal,"
            " principal = purpose, purpose = decision WHERE idx = 1"
        )
    report = await asyncio.get_running_loop().run_in_executor(None, verify)
    assert [(each.kind, each.at) for each in report.problems] == [("detail_changed", 1)]


async def test_a_deleted_detail(check: Check, tamper: asyncpg.Connection) -> None:
    await tamper.execute("DELETE FROM audit_detail WHERE idx = 4")
    assert kinds(await check()) == {"detail_missing"}


async def test_a_detail_without_record(check: Check, tamper: asyncpg.Connection) -> None:
    await tamper.execute("UPDATE audit_detail SET idx = 1000 WHERE idx = 29")
    assert kinds(await check()) == {"detail_missing", "detail_stray"}


async def test_a_deleted_tail_beyond_the_witness(check: Check, tamper: asyncpg.Connection) -> None:
    """Of the records that nobody had signed, only the head tells; a careful forger changes that too."""
    await tamper.execute("DELETE FROM audit_log WHERE idx >= 27")
    await tamper.execute("DELETE FROM audit_detail WHERE idx >= 27")
    assert kinds(await check()) == {"head_mismatch"}
    await rebuild(tamper)
    report = await check()
    assert report.ok  # this is the window that `unwitnessed` reports
    assert report.unwitnessed == 7


async def test_a_deleted_tail_after_a_checkpoint(check: Check, tamper: asyncpg.Connection) -> None:
    await tamper.execute("DELETE FROM audit_log WHERE idx >= 15")
    await tamper.execute("DELETE FROM audit_detail WHERE idx >= 15")
    await rebuild(tamper)
    report = await check()
    assert kinds(report) == {"truncated", "tile_changed"}
    assert [each.at for each in report.problems if each.kind == "truncated"] == [20, 25]


async def test_a_deleted_tail_with_its_checkpoints_and_tiles(check: Check, tamper: asyncpg.Connection) -> None:
    """Nothing left in the database tells; the witness does."""
    kept = await witness_note(tamper)
    await tamper.execute("DELETE FROM audit_log WHERE idx >= 10")
    await tamper.execute("DELETE FROM audit_detail WHERE idx >= 10")
    await tamper.execute("DELETE FROM audit_checkpoint WHERE size > 10")
    await rebuild(tamper)
    await resign(tamper, keep_cosignatures=True)
    assert (await check()).ok
    assert kinds(await check(witness_note=kept)) == {"truncated"}


async def test_a_removed_middle(check: Check, tamper: asyncpg.Connection) -> None:
    await tamper.execute("DELETE FROM audit_log WHERE idx = 12")
    await tamper.execute("DELETE FROM audit_detail WHERE idx = 12")
    report = await check()
    assert {"record_missing", "chain_broken", "checkpoint_root"} <= kinds(report)


async def test_a_removed_middle_with_the_rest_moved_up(check: Check, tamper: asyncpg.Connection) -> None:
    for table in ("audit_log", "audit_detail"):
        await tamper.execute(f"DELETE FROM {table} WHERE idx = 12")  # noqa: S608
        for idx in range(13, RECORDS):
            await tamper.execute(f"UPDATE {table} SET idx = idx - 1 WHERE idx = $1", idx)  # noqa: S608
    await rebuild(tamper)
    assert {"checkpoint_root", "tile_changed"} <= kinds(await check())


async def test_reordered_records(check: Check, tamper: asyncpg.Connection) -> None:
    for table in ("audit_log", "audit_detail"):
        for old, new in ((3, 900), (4, 3), (900, 4)):
            await tamper.execute(f"UPDATE {table} SET idx = $2 WHERE idx = $1", old, new)  # noqa: S608
    assert "chain_broken" in kinds(await check())
    await rebuild(tamper)
    assert {"checkpoint_root", "tile_changed"} == kinds(await check())


async def test_a_resigned_fork(check: Check, tamper: asyncpg.Connection) -> None:
    """Even the log's own key does not help: the cosignatures do not fit the forged history."""
    kept = await witness_note(tamper)
    await tamper.execute("UPDATE audit_log SET record = record || ' ' WHERE idx = 7")
    await rebuild(tamper)
    await resign(tamper, keep_cosignatures=True)
    assert kinds(await check()) == {"cosignature"}
    await resign(tamper, keep_cosignatures=False)
    assert (await check()).unwitnessed == RECORDS
    assert kinds(await check(witness_note=kept)) == {"witness_fork"}


async def test_a_cosignature_of_somebody_else(check: Check, tamper: asyncpg.Connection) -> None:
    text = notes.parse_note(await tamper.fetchval("SELECT note FROM audit_checkpoint WHERE size = 20")).text
    forged = notes.cosign(text, seed=LOG_SEED, name=WITNESS_KEY.name, timestamp=1)
    await tamper.execute("UPDATE audit_checkpoint SET cosignature = $1 WHERE size = 20", str(forged))
    report = await check()
    assert kinds(report) == {"cosignature"}
    assert report.witnessed == 10


async def test_a_checkpoint_of_another_key(check: Check, tamper: asyncpg.Connection) -> None:
    text = notes.parse_note(await tamper.fetchval("SELECT note FROM audit_checkpoint WHERE size = 25")).text
    forged = notes.Note(text, (notes.sign_with(LOG_KEY, primitives.sign(WITNESS_SEED, text.encode())),))
    await tamper.execute("UPDATE audit_checkpoint SET note = $1 WHERE size = 25", str(forged))
    assert kinds(await check()) == {"checkpoint_signature"}


async def test_a_changed_checkpoint_row(check: Check, tamper: asyncpg.Connection) -> None:
    await tamper.execute("UPDATE audit_checkpoint SET size = 24 WHERE size = 25")
    assert kinds(await check()) == {"checkpoint_changed"}


async def test_a_missing_and_a_changed_tile(check: Check, tamper: asyncpg.Connection) -> None:
    await tamper.execute("UPDATE audit_tile SET hashes = substring(hashes FOR 640)")
    assert kinds(await check()) == {"tile_missing"}
    await tamper.execute("UPDATE audit_tile SET hashes = set_byte(hashes, 5, get_byte(hashes, 5) # 1)")
    assert kinds(await check()) == {"tile_changed"}


async def test_a_forged_witness_note_is_a_problem(check: Check, tamper: asyncpg.Connection) -> None:
    kept = await witness_note(tamper)
    assert (await check(witness_note=kept)).ok
    assert kinds(await check(witness_note=kept.replace("\n20\n", "\n21\n"))) == {"witness_note"}


async def test_an_unreadable_record_is_a_problem(check: Check, tamper: asyncpg.Connection) -> None:
    await tamper.execute("UPDATE audit_log SET record = 'x' WHERE idx = 29")
    assert "record_unreadable" in kinds(await check())


async def test_problems_are_bounded(check: Check, tamper: asyncpg.Connection) -> None:
    await tamper.execute("INSERT INTO audit_log SELECT i, 'x', 'x', 'x' FROM generate_series(30, 200) AS i")
    report = await check()
    assert len(report.problems) == 100
    assert report.suppressed > 0


async def test_a_log_of_several_tiles_holds(
    vault_database: Database, pool: asyncpg.Pool, committer: AuditCommitter, tamper: asyncpg.Connection
) -> None:
    checkpointer = make_checkpointer(pool, BlindWitness().client())
    for start, count in ((0, 300), (300, 212), (512, 100)):
        await asyncio.gather(*(fill(committer, 1, start=number) for number in range(start, start + count)))
        await checkpointer.sign()
        await checkpointer.push()
    report = verify_log(vault_database.runtime_url, str(LOG_KEY), str(WITNESS_KEY))
    assert (report.ok, report.witnessed, report.records) == (True, 612, 612)
    await tamper.execute("UPDATE audit_tile SET hashes = set_byte(hashes, 0, get_byte(hashes, 0) # 1) WHERE level = 1")
    assert kinds(verify_log(vault_database.runtime_url, str(LOG_KEY), str(WITNESS_KEY))) == {"tile_changed"}


def test_a_database_that_is_away_is_an_error_not_a_verdict() -> None:
    with pytest.raises(psycopg.OperationalError):
        verify_log("postgresql://nobody@127.0.0.1:1/none", str(LOG_KEY), str(WITNESS_KEY))
