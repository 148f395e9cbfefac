"""A vault on a fresh database, with two shops."""

from collections.abc import AsyncIterator

import pytest

from pii_vault.assemble import open_vault
from pii_vault.keys.memory import MemoryKeyService
from pii_vault.vault import Vault
from tests.support.postgres import Database
from tests.support.vault import POLICIES, prepare


@pytest.fixture
def keys() -> MemoryKeyService:
    return MemoryKeyService()


@pytest.fixture
async def vault(vault_database: Database, keys: MemoryKeyService) -> AsyncIterator[Vault]:
    await prepare(vault_database, keys, tenants=("demo", "other"))
    async with open_vault(vault_database.runtime_url, keys, POLICIES, pool_size=4) as opened:
        yield opened
