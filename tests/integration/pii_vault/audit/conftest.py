"""A committer on a fresh vault database."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from pii_vault.audit.log import AuditCommitter
from tests.integration.pii_vault.audit.support import HASH_KEY
from tests.support.postgres import Database


@pytest.fixture
async def pool(vault_database: Database) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(vault_database.runtime_url, min_size=1, max_size=8) as opened:
        yield opened


@pytest.fixture
async def committer(pool: asyncpg.Pool) -> AsyncIterator[AuditCommitter]:
    made = AuditCommitter(pool, hash_key=HASH_KEY)
    await made.start()
    yield made
    await made.stop()
