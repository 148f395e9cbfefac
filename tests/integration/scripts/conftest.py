"""As much of an instance as the officer's commands use, on a migrated database and a local keyring."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pii_vault.assemble import open_vault
from pii_vault.keys.local import LocalKeyring, create_local_keyring
from pii_vault.operations.items import RetentionGroup, TokeniseItem, TokeniseResult
from pii_vault.operations.registry import create_tenant
from pii_vault.operations.tokenise import tokenise
from scripts.vault import officer
from tests.support.postgres import Database
from tests.support.vault import POLICIES, program

PASSPHRASE = "test-only-passphrase"


@dataclass
class StubInstance:
    """As much of an instance as the commands use."""

    database: Database
    folder: Path

    @property
    def keys(self) -> LocalKeyring:
        return LocalKeyring(self.folder / "keyring.json", PASSPHRASE)

    def vault_settings(self) -> Any:
        return SimpleNamespace(
            database_url=self.database.runtime_url,
            policies_dir=POLICIES,
            erasure_journal_path=self.folder / "erasures.journal",
        )

    def take(self, *items: TokeniseItem, group: RetentionGroup = "other") -> Sequence[TokeniseResult]:
        async def act() -> Sequence[TokeniseResult]:
            async with open_vault(self.database.runtime_url, self.keys, POLICIES, pool_size=2) as vault:
                return await tokenise(vault, program(), items, request_id="r", group=group)

        return asyncio.run(act())


@pytest.fixture
def instance(vault_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StubInstance:
    create_local_keyring(tmp_path / "keyring.json", PASSPHRASE, work_factor=10)
    stub = StubInstance(vault_database, tmp_path)
    asyncio.run(create_tenant(vault_database.owner_url, stub.keys, "demo"))
    monkeypatch.setattr(officer, "here", lambda: stub)
    monkeypatch.setattr(officer, "open_keys", lambda _settings: stub.keys)
    return stub
