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
from pii_vault.operations import rotate as rotating
from pii_vault.operations.items import RetentionGroup, TokeniseItem, TokeniseResult
from pii_vault.operations.registry import create_tenant
from pii_vault.operations.tokenise import tokenise
from scripts.vault import officer, opened
from tests.support.postgres import Database
from tests.support.vault import POLICIES, prepare, program

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
    monkeypatch.setattr(opened, "open_keys", lambda _settings: stub.keys)
    return stub


@pytest.fixture
def folder(tmp_path: Path, vault_database: Database, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of a vault with two shops, in the environment."""
    passphrase = tmp_path / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text(PASSPHRASE)
    keyring = tmp_path / "keyring.json"
    create_local_keyring(keyring, PASSPHRASE, work_factor=10)
    asyncio.run(prepare(vault_database, LocalKeyring(keyring, PASSPHRASE), tenants=("demo", "other")))
    settings = {
        "database_url": vault_database.runtime_url,
        "keyring_path": keyring,
        "keyring_passphrase_file": passphrase,
        "policies_dir": POLICIES,
        **{f"{name}_origin": f"http://{name}.larets.localhost:1" for name in ("vault", "console", "hooks", "crm")},
        **dict.fromkeys(("service_cert", "service_key", "private_ca", "public_ca"), tmp_path),
        **dict.fromkeys(("outbound_cert", "outbound_key"), tmp_path),
        "app_intake_url": "https://127.0.0.1:1",
    }
    owner = tmp_path / "owner_url"
    owner.write_text(vault_database.owner_url)
    monkeypatch.setenv("LARETS_OWNER_URL_FILE", str(owner))
    monkeypatch.setenv("LARETS_ENV", "test")
    for name, value in settings.items():
        monkeypatch.setenv(f"LARETS_VAULT_{name.upper()}", str(value))
    monkeypatch.setattr(rotating, "SETTLE_SECONDS", 0.0)
    return tmp_path
