"""Asking a person for a consent by a message (double opt-in): nothing is in force until the code in it comes back.

The code is made when the message is sent, in the relay's worker, and stands nowhere but in that message: the table
keeps a keyed hash, and a message that is sent again has a new code.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import asyncpg

from pii_vault import store
from pii_vault.consent import store as sql
from pii_vault.consent.basis import consent_bit, require_active
from pii_vault.consent.errors import AskedOften
from pii_vault.consent.texts import find_text
from pii_vault.core.primitives import derive_key, keyed_hash
from pii_vault.core.tokens import new_id
from pii_vault.errors import TenantRefused
from pii_vault.vault import Vault

CODE_BYTES: Final = 16
LABEL: Final = b"larets consent code 1"
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person is asked for: to these purposes, through this channel, to this version of the text."""

    purpose: str
    channel: str
    text_key: int


async def prepare(
    vault: Vault, tenant_key: int, *, purpose: str, channel: str, text_version: int | None = None
) -> Wish:
    """Raises NoConsentNeeded, UnknownChannel, UnknownConsentText, StoreUnavailable."""
    consent_bit(vault, purpose, channel)
    return Wish(purpose, channel, (await find_text(vault, tenant_key, purpose, text_version)).key)


async def begin(
    vault: Vault, acquired: asyncpg.Connection, wish: Wish, *, tenant_key: int, subject: bytes, by: str
) -> str:
    """The pending consent's id, in the transaction of the message that will ask; an older asking is over.

    Raises:
        AskedOften, SubjectErased, UnknownSubject.
    """
    now = vault.clock()
    await require_active(acquired, subject, tenant_key)  # locks the person: two askings are counted one after the other
    asked = await acquired.fetchval(sql.ASKED_SINCE, subject, wish.channel, now - _DAY)
    if asked >= vault.consents.asks_per_day:
        raise AskedOften
    consent = new_id("cns")
    await acquired.execute(sql.DROP_PENDING, subject, wish.purpose, wish.channel, now)
    place = (consent, tenant_key, subject, wish.purpose, wish.channel, wish.text_key)
    await acquired.execute(sql.INSERT_PENDING, *place, now, by)
    return consent


async def renew_code(vault: Vault, tenant_key: int, consent: str) -> str | None:
    """A code for the message that is about to go; None where nothing is asked any more. Older codes are void.

    Raises StoreUnavailable, KeyServiceUnavailable.
    """
    code = secrets.token_urlsafe(CODE_BYTES)
    hashed, expires = await hash_code(vault, consent, code), vault.clock() + vault.consents.code_lifetime
    place = (consent, tenant_key, hashed, expires, vault.consents.code_attempts)
    return code if await store.fetch(vault.pool, sql.RENEW_CODE, *place) else None


@dataclass(frozen=True, slots=True)
class AskedText:
    """What a person reads before they confirm: whose wish it is, and the text they would consent to."""

    text: str
    purpose: str
    channel: str
    shop: str


async def asked_of(vault: Vault, tenant: str, consent: str) -> AskedText | None:
    """The text of a consent that waits for its code; None for one that is unknown, over or too late.

    Raises StoreUnavailable.
    """
    try:
        tenant_key = await vault.tenants.key(tenant)
    except TenantRefused:
        return None
    rows = await store.fetch(vault.pool, sql.ASKED, consent, tenant_key, vault.clock())
    return AskedText(*rows[0]) if rows else None


async def hash_code(vault: Vault, consent: str, code: str) -> bytes:
    """Keyed, so that a dump of the table is no list of codes to try; bound to its consent."""
    return keyed_hash(derive_key(await vault.keys.audit_key(), LABEL), f"{consent}\0{code}".encode())


def confirmation_path(tenant: str, *, consent: str, code: str) -> str:
    """Where the link of a message leads, behind the vault's origin. The code is good once and for a day."""
    return f"/consent/{tenant}/{consent}/{code}"
