"""A witness on a fresh app database, and the log of a fresh vault."""

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from app.kit.db import Database
from app.kit.problems import install_problems
from app.witness.endpoints import witness_router
from app.witness.service import Witness
from pii_vault.audit.log import AuditCommitter
from tests.integration.app.witness.support import NOW, keys
from tests.integration.pii_vault.audit.support import HASH_KEY
from tests.support.postgres import Database as Clone


@pytest.fixture
def witness(db: Database) -> Witness:
    return Witness(db.anonymous, keys(), clock=lambda: NOW)


@pytest.fixture
async def client(witness: Witness) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    install_problems(app)
    app.include_router(witness_router(witness))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://intake.test") as opened:
        yield opened


@pytest.fixture
async def pool(vault_database: Clone) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(vault_database.runtime_url, min_size=1, max_size=4) as opened:
        yield opened


@pytest.fixture
async def committer(pool: asyncpg.Pool) -> AsyncIterator[AuditCommitter]:
    made = AuditCommitter(pool, hash_key=HASH_KEY)
    await made.start()
    yield made
    await made.stop()
