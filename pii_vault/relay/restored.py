"""Mails of a queue that came back with a backup: most of them left before the restore, and nobody knows which."""

from typing import Final

import asyncpg

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.operations.access import new_entry
from pii_vault.relay import store as sql
from pii_vault.relay.tell import tell
from pii_vault.vault import Vault, new_request_id

BATCH: Final = 1000


async def hold_mails(vault: Vault, *, by: str) -> int:
    """Makes mails that wait of unknown outcome: sent again only where they are named. Gives how many.

    A request to a web service is left to go again: the outside knows it by its key.

    Raises:
        AuditUnavailable, StoreUnavailable.
    """
    held = 0
    for tenant_key, tenant in await store.fetch(vault.pool, sql.SHOPS_OF_MAILS):
        batch = BATCH
        while batch == BATCH:
            batch = await _hold(vault, tenant_key, tenant, by=by)
            held += batch
    return held


async def _hold(vault: Vault, tenant_key: int, tenant: str, *, by: str) -> int:
    who = Principal(kind="service", id=by, tenant=tenant, roles=(), contour="private")
    entry = new_entry(vault, who, verb="relay", purpose="", request_id=new_request_id(), decision="unknown")
    now = vault.clock()

    async def apply(connection: asyncpg.Connection) -> int:
        rows = await connection.fetch(sql.HOLD_MAILS, tenant_key, BATCH)
        for row in rows:
            await tell(connection, row, at=now)
        entry.subjects = [row["subject"] for row in rows]
        return len(rows)

    return await vault.audit.commit(entry, apply=apply)
