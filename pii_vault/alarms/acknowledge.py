"""The officer acknowledges an alarm: with a note, on record, and in one transaction with it."""

from typing import Final

import asyncpg

from pii_vault.access.principal import Principal
from pii_vault.alarms import store
from pii_vault.alarms.errors import BrokenNote, NoSuchAlarm
from pii_vault.audit.origin import LOG_TENANT
from pii_vault.core.detect import find_personal_data
from pii_vault.errors import Forbidden
from pii_vault.operations.access import new_entry, refuse
from pii_vault.vault import Vault, new_request_id

MAX_NOTE: Final = 500
ROLE: Final = "officer"
VERB: Final = "alarm_acknowledge"
PURPOSE: Final = "audit"


def tenants_of(principal: Principal) -> tuple[str, str]:
    """Whose alarms one sees: the own shop's, and those of the log, which is common."""
    return principal.tenant, LOG_TENANT


async def acknowledge(vault: Vault, principal: Principal, key: int, note: str) -> None:
    """Raises Forbidden (recorded), BrokenNote, NoSuchAlarm, AuditUnavailable."""
    request_id = new_request_id()
    if ROLE not in principal.roles:
        await refuse(vault, principal, Forbidden(), verb=VERB, purpose=PURPOSE, request_id=request_id)
    note = " ".join(note.split())
    if not 1 <= len(note) <= MAX_NOTE or not note.isprintable() or find_personal_data(note):
        raise BrokenNote
    entry = new_entry(vault, principal, verb=VERB, purpose=PURPOSE, request_id=request_id, decision="allow")

    async def apply(connection: asyncpg.Connection) -> None:
        kind = await store.acknowledge(connection, key, tenants=tenants_of(principal), by=principal.id, note=note)
        if kind is None:
            raise NoSuchAlarm
        entry.counts = {"alarm": {kind: 1}}

    await vault.audit.commit(entry, apply=apply)
