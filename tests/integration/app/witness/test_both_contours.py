"""The vault's checkpointer against the app's witness, on both databases."""

from collections.abc import AsyncIterator
from typing import cast

import asyncpg
import httpx
import pytest

from pii_vault.audit.checkpoint import Checkpointer, newest_note
from pii_vault.audit.log import AuditCommitter
from pii_vault.audit.verify import verify_log
from pii_vault.audit.witness import WitnessClient, WitnessElsewhere, WitnessRefuses
from pii_vault.core import primitives
from pii_vault.keys.service import KeyService
from tests.integration.app.witness.support import LOG_KEY, LOG_SEED, WITNESS_KEY
from tests.integration.pii_vault.audit.support import HASH_KEY, fill
from tests.support.postgres import Database


class LogKeys:
    async def sign_checkpoint(self, message: bytes) -> bytes:
        return primitives.sign(LOG_SEED, message)

    def checkpoint_public_key(self) -> bytes:
        return LOG_KEY.public_key


@pytest.fixture
async def pool(vault_database: Database) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(vault_database.runtime_url, min_size=1, max_size=4) as opened:
        yield opened


@pytest.fixture
async def committer(pool: asyncpg.Pool) -> AsyncIterator[AuditCommitter]:
    made = AuditCommitter(pool, hash_key=HASH_KEY)
    await made.start()
    yield made
    await made.stop()


def new_checkpointer(pool: asyncpg.Pool, client: httpx.AsyncClient) -> Checkpointer:
    keys = cast("KeyService", LogKeys())
    return Checkpointer(pool, keys, origin=LOG_KEY.name, witness=WitnessClient(client, WITNESS_KEY))


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
    report = verify_log(vault_database.runtime_url, str(LOG_KEY), str(WITNESS_KEY), witness_note=kept)
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
    report = verify_log(vault_database.runtime_url, str(LOG_KEY), str(WITNESS_KEY), witness_note=kept)
    assert {problem.kind for problem in report.problems} == {"witness_fork"}
