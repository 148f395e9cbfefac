"""The vault's checkpointer against the app's witness, on both databases."""

import asyncpg
import httpx
import pytest

from pii_vault.audit import note as notes
from pii_vault.audit.checkpoint import newest_note
from pii_vault.audit.errors import OriginNotNeeded
from pii_vault.audit.log import AuditCommitter
from pii_vault.audit.verify import WitnessCopy, verify_log
from pii_vault.audit.witness import WitnessElsewhere, WitnessRefuses, submission
from tests.integration.app.witness.halves import new_checkpointer, new_origin, step, verify
from tests.integration.app.witness.support import LOG_KEY, WITNESS_KEY, Log, statement
from tests.integration.pii_vault.audit.support import fill
from tests.support.postgres import Database


async def test_a_growing_log_is_witnessed_and_verified(
    pool: asyncpg.Pool, committer: AuditCommitter, client: httpx.AsyncClient, vault_database: Database
) -> None:
    checkpointer = new_checkpointer(pool, client)
    for start, count in ((0, 3), (3, 290), (293, 1)):
        await fill(committer, count, start=start)
        await checkpointer.sign()
        await checkpointer.push()
    kept = (await client.get("/witness/checkpoint")).text
    assert kept == await newest_note(pool)
    report = verify_log(vault_database.runtime_url, str(LOG_KEY), str(WITNESS_KEY), witness=WitnessCopy((kept,)))
    assert (report.ok, report.witnessed, report.unwitnessed) == (True, 294, 0)


async def test_a_vault_that_forgot_what_was_cosigned_catches_up(
    pool: asyncpg.Pool, committer: AuditCommitter, client: httpx.AsyncClient, vault_database: Database
) -> None:
    """The answer was lost on its way: the vault asks again and is told from where."""
    await fill(committer, 5)
    checkpointer = new_checkpointer(pool, client)
    await checkpointer.sign()
    await checkpointer.push()
    owner = await asyncpg.connect(vault_database.owner_url)
    await owner.execute("UPDATE audit_checkpoint SET cosignature = NULL")
    await owner.close()
    await fill(committer, 4, start=5)
    again = new_checkpointer(pool, client)
    await again.sign()
    await again.push()
    report = verify_log(vault_database.runtime_url, str(LOG_KEY), str(WITNESS_KEY))
    assert (report.ok, report.witnessed) == (True, 9)


async def _roll_back(database: Database, size: int) -> None:
    """What restoring an old backup does."""
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute("DELETE FROM audit_checkpoint; DELETE FROM audit_tile")
    for table in ("audit_log", "audit_detail"):
        await owner.execute(f"DELETE FROM {table} WHERE idx >= $1", size)  # noqa: S608
    chain = await owner.fetchval("SELECT chain FROM audit_log ORDER BY idx DESC LIMIT 1")
    await owner.execute("UPDATE audit_head SET size = $1, chain = $2", size, chain)
    await owner.close()


async def test_a_vault_that_was_rolled_back_is_found_out(
    pool: asyncpg.Pool, committer: AuditCommitter, client: httpx.AsyncClient, vault_database: Database
) -> None:
    await fill(committer, 9)
    checkpointer = new_checkpointer(pool, client)
    await checkpointer.sign()
    await checkpointer.push()
    await _roll_back(vault_database, 5)
    restored = new_checkpointer(pool, client)
    await restored.sign()
    with pytest.raises(WitnessElsewhere):
        await restored.push()
    await fill(committer, 20, start=500)  # it goes on and overtakes the size that was witnessed
    await restored.sign()
    with pytest.raises(WitnessRefuses):
        await restored.push()
    kept = (await client.get("/witness/checkpoint")).text
    report = verify_log(vault_database.runtime_url, str(LOG_KEY), str(WITNESS_KEY), witness=WitnessCopy((kept,)))
    assert {problem.kind for problem in report.problems} == {"witness_fork"}


async def test_a_restored_backup_is_a_fork_until_a_new_origin_says_what_was_lost(
    pool: asyncpg.Pool, committer: AuditCommitter, client: httpx.AsyncClient, vault_database: Database
) -> None:
    checkpointer = new_checkpointer(pool, client)
    await fill(committer, 4)
    await step(checkpointer)
    first = await newest_note(pool)
    await fill(committer, 5, start=4)
    await step(checkpointer)
    await _roll_back(vault_database, 6)
    owner = await asyncpg.connect(vault_database.owner_url)  # the backup held the checkpoint of 4, cosigned
    text, _, cosignature = str(first).rpartition("\n— crm")
    await owner.execute(
        "INSERT INTO audit_checkpoint (size, root, note, cosignature, cosigned_at) SELECT 4, $1, $2, $3, now()",
        notes.parse_checkpoint(notes.parse_note(str(first)).text).root, text + "\n", "— crm" + cosignature,
    )  # fmt: skip
    await owner.close()
    assert {problem.kind for problem in (await verify(vault_database, client)).problems} == {
        "truncated",
        "tile_missing",
    }
    await fill(committer, 4, start=100)
    assert "witness_fork" in {problem.kind for problem in (await verify(vault_database, client)).problems}

    said = await new_origin(vault_database, client)
    assert (said.origin, said.kept, said.common, said.witnessed.size, said.lost) == (f"{LOG_KEY.name}/2", 10, 4, 9, 5)
    restored = new_checkpointer(pool, client)
    owner = await asyncpg.connect(vault_database.owner_url)
    await owner.execute("DELETE FROM audit_checkpoint")  # its tiles are gone with `_roll_back`: begin the tree anew
    await owner.close()
    await fill(committer, 3, start=200)
    await step(restored)
    report = await verify(vault_database, client)
    assert report.problems == []
    assert (report.origin, report.lost, report.witnessed, report.unwitnessed) == (said.origin, 5, 14, 0)
    await fill(committer, 2, start=300)
    await step(restored)
    assert (await verify(vault_database, client)).witnessed == 16


async def test_a_log_that_lost_nothing_needs_no_new_origin(
    pool: asyncpg.Pool, committer: AuditCommitter, client: httpx.AsyncClient, vault_database: Database
) -> None:
    await fill(committer, 4)
    await step(new_checkpointer(pool, client))
    await fill(committer, 2, start=4)
    with pytest.raises(OriginNotNeeded):
        await new_origin(vault_database, client)
    assert await pool.fetchval("SELECT count(*) FROM audit_origin") == 0


async def test_the_witness_accepts_a_new_origin_only_with_a_statement_of_what_it_saw_last(
    pool: asyncpg.Pool, committer: AuditCommitter, client: httpx.AsyncClient, vault_database: Database
) -> None:
    await fill(committer, 9)
    await step(new_checkpointer(pool, client))
    seen = notes.parse_checkpoint(notes.parse_note((await client.get("/witness/checkpoint")).text).text)

    older = notes.Checkpoint(seen.origin, 8, seen.root)
    for wrong in (
        statement(seen, seed=bytes(32)),
        statement(seen, approvers=("a", "a")),
        statement(older),
        statement(notes.Checkpoint(seen.origin, seen.size, bytes(32))),
        statement(seen, origin=f"{LOG_KEY.name}/3"),
        statement(seen, origin="vault.other/audit/2"),
    ):
        answer = await client.post("/witness/new-origin", content=wrong)
        assert (answer.status_code, answer.json()["code"]) == (409, "unfounded_origin")
    under_new = Log().note(2, origin=f"{LOG_KEY.name}/2")
    unknown = await client.post("/witness/add-checkpoint", content=submission(under_new, old=0, proof=[]))
    assert unknown.status_code == 404

    good = statement(seen)
    for _ in range(2):  # showing it again does nothing
        assert (await client.post("/witness/new-origin", content=good)).status_code == 204
    assert (await client.post("/witness/new-origin", content=statement(seen))).status_code == 409  # another one does
    accepted = await client.post("/witness/add-checkpoint", content=submission(under_new, old=0, proof=[]))
    assert accepted.status_code == 200
    await fill(committer, 3, start=9)
    with pytest.raises(WitnessRefuses):  # the old origin is closed for good
        await step(new_checkpointer(pool, client))
    assert (await verify(vault_database, client)).problems[0].kind == "witness_fork"


async def test_a_new_origin_that_no_record_founds_is_found_out(
    pool: asyncpg.Pool, committer: AuditCommitter, client: httpx.AsyncClient, vault_database: Database
) -> None:
    await fill(committer, 9)
    await step(new_checkpointer(pool, client))
    await _roll_back(vault_database, 5)
    await new_origin(vault_database, client)
    owner = await asyncpg.connect(vault_database.owner_url)
    await owner.execute("UPDATE audit_origin SET kept = 4, statement = replace(statement, 'kept 5', 'kept 4')")
    kinds = {problem.kind for problem in (await verify(vault_database, client)).problems}
    assert "origin_statement" in kinds
    await owner.execute("UPDATE audit_origin SET statement = replace(statement, 'kept 4', 'kept 5')")
    assert "origin_record" in {problem.kind for problem in (await verify(vault_database, client)).problems}
    await owner.execute("UPDATE audit_origin SET kept = 5")
    assert (await verify(vault_database, client)).ok
    await owner.close()


async def test_the_runtime_role_cannot_found_an_origin(pool: asyncpg.Pool) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute("INSERT INTO audit_origin (number, origin, kept, statement) VALUES (2, 'x', 0, 'x')")
