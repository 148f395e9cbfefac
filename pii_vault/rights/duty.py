"""The private worker's part in subjects' rights: erasures go on, terms end, what is over is forgotten."""

import asyncio
import time
from typing import TYPE_CHECKING, Final

import asyncpg

from pii_vault import store
from pii_vault.rights import caches
from pii_vault.rights import store as sql
from pii_vault.rights.erase import Eraser

if TYPE_CHECKING:
    from pii_vault.rights.gate import RestoreGate

STEP_SECONDS: Final = 1.0
TIDY_SECONDS: Final = 600.0


async def run_rights(eraser: Eraser, gate: "RestoreGate", pool: asyncpg.Pool) -> None:
    """Until it is cancelled; several processes may do it at once."""
    tidied = -TIDY_SECONDS
    while True:
        await gate.opened()
        await eraser.advance_all()
        if time.monotonic() - tidied >= TIDY_SECONDS:
            await eraser.request_due()
            await caches.tidy(pool)
            async with store.connection(pool) as acquired:
                await acquired.execute(sql.FORGET_DOCUMENTS)
            tidied = time.monotonic()
        await asyncio.sleep(STEP_SECONDS)
