"""The register of consent texts: what a person saw when consenting. A text is never changed, only followed."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import asyncpg

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.consent import store as sql
from pii_vault.consent.errors import NoConsentNeeded, UnknownConsentText
from pii_vault.errors import InvalidRequest
from pii_vault.operations.access import new_entry
from pii_vault.rights.officer import PURPOSE, require_right
from pii_vault.vault import Vault

MAX_TEXT = 20_000
MAX_VERSION = 100_000


@dataclass(frozen=True, slots=True)
class ConsentText:
    key: int
    version: int
    text: str
    digest: bytes


async def add_text(vault: Vault, principal: Principal, *, purpose: str, text: str, request_id: str) -> ConsentText:
    """The next version of a purpose's text.

    Raises:
        NoConsentNeeded, InvalidRequest, Forbidden, AuditUnavailable.
    """
    if not vault.consents.needed(purpose):
        raise NoConsentNeeded
    content = text.strip()
    if not content or len(content) > MAX_TEXT:
        raise InvalidRequest(f"a consent's text has 1 to {MAX_TEXT:,} characters")
    tenant_key = await vault.tenants.key(principal.tenant)
    await require_right(vault, principal, action="erase", verb="consent_text", request_id=request_id)
    digest = sha256(content.encode()).digest()

    async def apply(acquired: asyncpg.Connection) -> ConsentText:
        row = await acquired.fetchrow(sql.ADD_TEXT, tenant_key, purpose, content, digest, principal.id)
        return ConsentText(row["key"], row["version"], content, digest)

    entry = new_entry(vault, principal, verb="consent_text", purpose=PURPOSE, request_id=request_id, decision="allow")
    return await vault.audit.commit(entry, apply=apply)


async def find_text(vault: Vault, tenant_key: int, purpose: str, version: int | None) -> ConsentText:
    """A version, or the newest one. Raises UnknownConsentText."""
    if version is None:
        rows = await store.fetch(vault.pool, sql.NEWEST_TEXT, tenant_key, purpose)
    else:
        rows = await store.fetch(vault.pool, sql.TEXT, tenant_key, purpose, version)
    if not rows:
        raise UnknownConsentText
    return ConsentText(*rows[0])


async def list_texts(vault: Vault, tenant: str) -> list[dict[str, Any]]:
    """Versions with their digests, for the officer."""
    rows = await store.fetch(vault.pool, sql.TEXTS, await vault.tenants.key(tenant))
    return [
        {
            "purpose": row["purpose"],
            "version": row["version"],
            "sha256": row["digest"].hex(),
            "created": row["created"].isoformat(),
            "created_by": row["created_by"],
        }
        for row in rows
    ]
