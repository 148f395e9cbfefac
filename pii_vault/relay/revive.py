"""Sending again what was given up: an act of the owner or officer, on the record like every other."""

import asyncpg

from pii_vault.access.principal import Principal
from pii_vault.errors import Forbidden
from pii_vault.operations.access import new_entry, refuse
from pii_vault.relay import store as sql
from pii_vault.relay.tell import tell
from pii_vault.relay.templates import DECIDERS
from pii_vault.vault import Vault


async def revive(vault: Vault, principal: Principal, *, dispatch: str | None, request_id: str) -> int:
    """All dead dispatches of the shop, or the one that is named, which may also be of unknown outcome: whoever names
    it knows that it may arrive twice. Gives how many.

    Raises:
        Forbidden (recorded), AuditUnavailable, StoreUnavailable.
    """
    if DECIDERS.isdisjoint(principal.roles) or principal.kind != "staff":
        await refuse(vault, principal, Forbidden(), verb="relay_retry", purpose="", request_id=request_id)
    entry = new_entry(vault, principal, verb="relay_retry", purpose="", request_id=request_id, decision="allow")
    now = vault.clock()

    async def apply(connection: asyncpg.Connection) -> int:
        rows = await connection.fetch(sql.REVIVE, principal.tenant, dispatch)
        for row in rows:
            await tell(connection, row, at=now)
        entry.subjects = [row["subject"] for row in rows]
        return len(rows)

    return await vault.audit.commit(entry, apply=apply)
