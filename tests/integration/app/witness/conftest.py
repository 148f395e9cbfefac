"""A witness on a fresh app database, and a log that can be made to lie."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from app.kit.db import Database
from app.kit.problems import install_problems
from app.witness.endpoints import witness_router
from app.witness.service import Witness
from tests.integration.app.witness.support import NOW, keys


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
