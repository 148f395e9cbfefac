"""A vault with an erasure journal beside it, and a person in it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pii_vault.access.principal import Principal
from pii_vault.core.tokens import parse_subject
from pii_vault.keys.memory import MemoryKeyService
from pii_vault.operations.items import RetentionGroup, TokeniseItem
from pii_vault.operations.tokenise import tokenise
from pii_vault.rights.erase import Eraser
from pii_vault.rights.journal import ErasureJournal, open_journal
from pii_vault.vault import Vault
from tests.support.postgres import Database
from tests.support.vault import program, staff

PHONE, NAME = "+79001234567", "Анна Соколова"


class Kept:
    """A person who was taken in: the id, and tokens by class."""

    def __init__(self, subject: str, tokens: dict[str, str]) -> None:
        self.text = subject
        self.bits = parse_subject(subject, tenant="demo")
        self.tokens = tokens


Take = Callable[..., Awaitable[Kept]]


@pytest.fixture
async def journal(tmp_path: Path, keys: MemoryKeyService) -> ErasureJournal:
    return await open_journal(tmp_path / "erasures.journal", keys)


@dataclass
class Desk:
    """The officer at work: what most tests need together."""

    vault: Vault
    database: Database
    journal: ErasureJournal
    eraser: Eraser
    officer: Principal
    take: Take


@pytest.fixture
def take(vault: Vault) -> Take:
    """Takes a person in, or adds to one."""

    async def act(subject: str = "@1", group: RetentionGroup = "other", **values: str) -> Kept:
        items = [
            TokeniseItem(class_id=name, value=value, subject=subject, kind="random") for name, value in values.items()
        ]
        results = await tokenise(vault, program(), items, request_id="r", group=group)
        assert all(result.error is None for result in results), results
        return Kept(results[0].subject or "", {name: r.token or "" for name, r in zip(values, results, strict=True)})

    return act


@pytest.fixture
def desk(vault: Vault, vault_database: Database, journal: ErasureJournal, take: Take) -> Desk:
    return Desk(vault, vault_database, journal, Eraser(vault, journal), staff("officer"), take)
