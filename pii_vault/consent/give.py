"""Taking a consent: outright, or confirmed by a code that comes back (double opt-in; `ask.py` asks).

The bit beside the person is written in the transaction of the consent's row, so the hot path reads what the rows say.
"""

import secrets
from datetime import datetime
from typing import Literal

import asyncpg

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.audit.log import AuditEntry
from pii_vault.consent import store as sql
from pii_vault.consent.ask import hash_code
from pii_vault.consent.basis import consent_bit, require_active
from pii_vault.consent.errors import CodeNeeded, ConsentInForce, WrongCode
from pii_vault.consent.texts import find_text
from pii_vault.core.tokens import new_id
from pii_vault.errors import Forbidden
from pii_vault.operations.access import may_tokenise, new_entry, refuse
from pii_vault.vault import Vault


async def give(
    vault: Vault,
    principal: Principal,
    subject: bytes,
    *,
    purpose: str,
    channel: str,
    how: Literal["web_form", "call", "paper"],
    request_id: str,
    text_version: int | None = None,
    given: datetime | None = None,
) -> str:
    """Records a consent that is in force at once; gives its id. `given` is when, where that was not now.

    Raises:
        NoConsentNeeded, UnknownChannel, UnknownConsentText, CodeNeeded, ConsentInForce, Forbidden, SubjectErased,
        UnknownSubject, AuditUnavailable, StoreUnavailable.
    """
    bit = consent_bit(vault, purpose, channel)
    if vault.consents.channels[channel].confirm == "code":
        raise CodeNeeded
    tenant_key = await vault.tenants.key(principal.tenant)
    await require_taker(vault, principal, verb="consent_give", purpose=purpose, request_id=request_id)
    text = await find_text(vault, tenant_key, purpose, text_version)
    consent, now = new_id("cns"), vault.clock()
    when = min(given or now, now)

    async def apply(acquired: asyncpg.Connection) -> None:
        await require_active(acquired, subject, tenant_key)
        try:
            await acquired.execute(
                sql.INSERT, consent, tenant_key, subject, purpose, channel, text.key, how, when, principal.id, now
            )
        except asyncpg.UniqueViolationError:
            raise ConsentInForce from None
        await acquired.execute(sql.SET_BIT, subject, tenant_key, bit)

    entry = _entry(vault, principal, "consent_give", subject, purpose=purpose, request_id=request_id)
    await vault.audit.commit(entry, apply=apply)
    return consent


async def confirm(vault: Vault, tenant: str, *, consent: str, code: str, request_id: str) -> None:
    """The code came back: the consent is in force. Whoever has the code may do this; it was sent to one person.

    An unknown consent and a wrong code are alike. Each wrong code counts, and is recorded.

    Raises:
        WrongCode, SubjectErased, TenantRefused, AuditUnavailable, StoreUnavailable, KeyServiceUnavailable.
    """
    tenant_key = await vault.tenants.key(tenant)
    hashed, now = await hash_code(vault, consent, code), vault.clock()
    rows = await store.fetch(vault.pool, sql.OWNER, consent, tenant_key)
    if not rows:
        raise WrongCode
    subject: bytes = rows[0]["subject"]
    who = Principal(kind="service", id="confirmation", tenant=tenant, roles=(), contour="private")
    entry = _entry(vault, who, "consent_confirm", subject, purpose="", request_id=request_id)

    async def apply(acquired: asyncpg.Connection) -> bool:
        await require_active(acquired, subject, tenant_key)
        row = await acquired.fetchrow(sql.PENDING, consent, tenant_key)
        if row is None or row["code_expires"] <= now:
            entry.decision = "wrong_code"
            return False
        entry.purpose = row["purpose"]
        if not secrets.compare_digest(row["code"], hashed):
            entry.decision = "wrong_code"
            await acquired.execute(sql.MISSED, consent, vault.consents.code_attempts)
            return False
        await acquired.execute(sql.SUPERSEDE, subject, row["purpose"], row["channel"], now)
        await acquired.execute(sql.CONFIRM, consent, now)
        await acquired.execute(sql.SET_BIT, subject, tenant_key, consent_bit(vault, row["purpose"], row["channel"]))
        return True

    if not await vault.audit.commit(entry, apply=apply):
        raise WrongCode


async def require_taker(vault: Vault, principal: Principal, *, verb: str, purpose: str, request_id: str) -> None:
    """Who may write down what a person says may write down that the person consents, and ask for it."""
    if not any(may_tokenise(vault, principal, class_id) for class_id in vault.matrix.classes):
        await refuse(vault, principal, Forbidden(), verb=verb, purpose=purpose, request_id=request_id)


def _entry(
    vault: Vault, principal: Principal, verb: str, subject: bytes, *, purpose: str, request_id: str
) -> AuditEntry:
    return new_entry(
        vault,
        principal,
        verb=verb,
        purpose=purpose,
        request_id=request_id,
        decision="allow",
        subjects=[subject],
    )
