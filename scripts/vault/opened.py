"""A vault as a command opens it: behind the same gate as what the vault's own processes serve."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from pii_vault.assemble import open_keys, open_vault
from pii_vault.config import VaultSettings
from pii_vault.keys.service import KeyService
from pii_vault.rights.gate import RestoreGate
from pii_vault.rights.journal import ErasureJournal, open_journal
from pii_vault.vault import Vault

POOL_SIZE: Final = 4


@dataclass(frozen=True, slots=True)
class Opened:
    vault: Vault
    keys: KeyService
    journal: ErasureJournal


@asynccontextmanager
async def opened(settings: VaultSettings, *, restored_too: bool = False) -> AsyncIterator[Opened]:
    """`restored_too` is for what brings a restored database up to the erasure journal, and for what only counts.

    Raises:
        RestorePending, JournalBroken, GateBlind: the gate is shut.
        StoreUnavailable, KeyServiceUnavailable.
    """
    logging.getLogger("pii_vault.rights.gate").setLevel(logging.CRITICAL)  # the command says it itself
    keys = open_keys(settings)
    journal = await open_journal(settings.erasure_journal_path, keys)
    async with open_vault(settings.database_url, keys, settings.policies_dir, pool_size=POOL_SIZE) as vault:
        if not restored_too:
            await RestoreGate(vault, journal).look(whole=True)
            if vault.shut is not None:
                raise vault.shut
        yield Opened(vault, keys, journal)
