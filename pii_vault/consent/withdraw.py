"""Withdrawing a consent. From its commit on the next request is refused."""

import asyncpg

from pii_vault.access.principal import Principal
from pii_vault.consent import store as sql
from pii_vault.consent.errors import NoConsentNeeded, UnknownChannel
from pii_vault.errors import Forbidden
from pii_vault.operations.access import may_tokenise, new_entry, refuse, rule
from pii_vault.rights.officer import PURPOSE, lock_subject
from pii_vault.vault import Vault

VERB = "consent_withdraw"


async def withdraw(
    vault: Vault, principal: Principal, subject: bytes, *, purpose: str, channel: str | None, request_id: str
) -> list[str]:
    """Ends the consents to a purpose through one channel or, with None, through all; gives the channels that had one.

    Withdrawing what was never given is no error: the wish is recorded all the same.

    Raises:
        NoConsentNeeded, UnknownChannel, Forbidden, UnknownSubject, AuditUnavailable.
    """
    register = vault.consents
    if not register.needed(purpose):
        raise NoConsentNeeded
    if channel is not None and channel not in register.channels:
        raise UnknownChannel
    tenant_key = await vault.tenants.key(principal.tenant)
    if not _may_withdraw(vault, principal):
        await refuse(vault, principal, Forbidden(), verb=VERB, purpose=purpose, request_id=request_id)
    now = vault.clock()

    async def apply(acquired: asyncpg.Connection) -> list[str]:
        await lock_subject(acquired, subject, tenant_key)
        ended = []
        for each in [channel] if channel is not None else list(register.channels):
            rows = await acquired.fetch(sql.WITHDRAW, subject, purpose, each, now, principal.id)
            if any(row[0] for row in rows):
                ended.append(each)
            await acquired.execute(sql.CLEAR_BIT, subject, tenant_key, register.bit(purpose, each))
        return ended

    entry = new_entry(
        vault,
        principal,
        verb=VERB,
        purpose=purpose,
        request_id=request_id,
        decision="allow",
        subjects=[subject],
    )
    return await vault.audit.commit(entry, apply=apply)


def _may_withdraw(vault: Vault, principal: Principal) -> bool:
    """Whoever may take a consent, and whoever carries out a person's demands."""
    return any(
        may_tokenise(vault, principal, class_id)
        or rule(vault, principal, purpose=PURPOSE, class_id=class_id, action="erase").outcome == "allow"
        for class_id in vault.matrix.classes
    )
