"""Taking a consent: outright, or asked for and confirmed by a code that comes back (double opt-in).

The bit beside the person is written in the transaction of the consent's row, so the hot path reads what the rows say.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

import asyncpg

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.audit.log import AuditEntry
from pii_vault.consent import store as sql
from pii_vault.consent.errors import CodeNeeded, ConsentInForce, NoConsentNeeded, UnknownChannel, WrongCode
from pii_vault.consent.texts import find_text
from pii_vault.core.primitives import derive_key, keyed_hash
from pii_vault.core.tokens import new_id
from pii_vault.errors import Forbidden
from pii_vault.operations.access import may_tokenise, new_entry, refuse
from pii_vault.operations.ciphers import ACTIVE
from pii_vault.rights.errors import SubjectErased
from pii_vault.rights.officer import lock_subject
from pii_vault.vault import Vault

How = Literal["web_form", "call", "paper", "double_opt_in"]
CODE_BYTES: Final = 16
LABEL: Final = b"larets consent code 1"


@dataclass(frozen=True, slots=True)
class Asked:
    """A consent that waits. `code` goes to the person through the channel, and nowhere else."""

    consent: str
    subject: bytes
    code: str = field(repr=False)
    expires: datetime


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
    bit = _bit(vault, purpose, channel)
    if vault.consents.channels[channel].confirm == "code":
        raise CodeNeeded
    tenant_key = await vault.tenants.key(principal.tenant)
    await _require_taker(vault, principal, verb="consent_give", purpose=purpose, request_id=request_id)
    text = await find_text(vault, tenant_key, purpose, text_version)
    consent, now = new_id("cns"), vault.clock()
    when = min(given or now, now)

    async def apply(acquired: asyncpg.Connection) -> None:
        await _require_active(acquired, subject, tenant_key)
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


async def ask(
    vault: Vault,
    principal: Principal,
    subject: bytes,
    *,
    purpose: str,
    channel: str,
    request_id: str,
    text_version: int | None = None,
) -> Asked:
    """Begins a double opt-in: nothing is in force until the code comes back. Sending it is the relay's part.

    Raises:
        NoConsentNeeded, UnknownChannel, UnknownConsentText, Forbidden, SubjectErased, UnknownSubject,
        AuditUnavailable, StoreUnavailable, KeyServiceUnavailable.
    """
    _bit(vault, purpose, channel)
    tenant_key = await vault.tenants.key(principal.tenant)
    await _require_taker(vault, principal, verb="consent_ask", purpose=purpose, request_id=request_id)
    text = await find_text(vault, tenant_key, purpose, text_version)
    consent, now = new_id("cns"), vault.clock()
    code = secrets.token_urlsafe(CODE_BYTES)
    hashed, expires = await _hash(vault, consent, code), now + vault.consents.code_lifetime

    async def apply(acquired: asyncpg.Connection) -> None:
        await _require_active(acquired, subject, tenant_key)
        await acquired.execute(sql.DROP_PENDING, subject, purpose, channel, now)
        place = (consent, tenant_key, subject, purpose, channel, text.key)
        await acquired.execute(sql.INSERT_PENDING, *place, now, principal.id, hashed, expires)

    entry = _entry(vault, principal, "consent_ask", subject, purpose=purpose, request_id=request_id)
    await vault.audit.commit(entry, apply=apply)
    return Asked(consent, subject, code, expires)


async def confirm(vault: Vault, tenant: str, *, consent: str, code: str, request_id: str) -> None:
    """The code came back: the consent is in force. Whoever has the code may do this; it was sent to one person.

    An unknown consent and a wrong code are alike. Each wrong code counts, and is recorded.

    Raises:
        WrongCode, SubjectErased, TenantRefused, AuditUnavailable, StoreUnavailable, KeyServiceUnavailable.
    """
    tenant_key = await vault.tenants.key(tenant)
    hashed, now = await _hash(vault, consent, code), vault.clock()
    rows = await store.fetch(vault.pool, sql.OWNER, consent, tenant_key)
    if not rows:
        raise WrongCode
    subject: bytes = rows[0]["subject"]
    who = Principal(kind="service", id="confirmation", tenant=tenant, roles=(), contour="private")
    entry = _entry(vault, who, "consent_confirm", subject, purpose="", request_id=request_id)

    async def apply(acquired: asyncpg.Connection) -> bool:
        await _require_active(acquired, subject, tenant_key)
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
        await acquired.execute(sql.SET_BIT, subject, tenant_key, _bit(vault, row["purpose"], row["channel"]))
        return True

    if not await vault.audit.commit(entry, apply=apply):
        raise WrongCode


def _bit(vault: Vault, purpose: str, channel: str) -> int:
    if not vault.consents.needed(purpose):
        raise NoConsentNeeded
    if channel not in vault.consents.channels:
        raise UnknownChannel
    return vault.consents.bit(purpose, channel)


async def _hash(vault: Vault, consent: str, code: str) -> bytes:
    """Keyed, so that a dump of the table is no list of codes to try; bound to its consent."""
    return keyed_hash(derive_key(await vault.keys.audit_key(), LABEL), f"{consent}\0{code}".encode())


async def _require_taker(vault: Vault, principal: Principal, *, verb: str, purpose: str, request_id: str) -> None:
    """Who may write down what a person says may write down that the person consents."""
    if not any(may_tokenise(vault, principal, class_id) for class_id in vault.matrix.classes):
        await refuse(vault, principal, Forbidden(), verb=verb, purpose=purpose, request_id=request_id)


async def _require_active(acquired: asyncpg.Connection, subject: bytes, tenant_key: int) -> None:
    """A blocked person's consents rest; an erased one has none."""
    if await lock_subject(acquired, subject, tenant_key) != ACTIVE:
        raise SubjectErased("This person is blocked or erased: no consent can be taken.")


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
