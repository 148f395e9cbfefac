"""What giving and asking have in common: the bit that a consent will set, and a person who can consent at all."""

import asyncpg

from pii_vault.consent.errors import NoConsentNeeded, UnknownChannel
from pii_vault.operations.ciphers import ACTIVE
from pii_vault.rights.errors import SubjectErased
from pii_vault.rights.officer import lock_subject
from pii_vault.vault import Vault


def consent_bit(vault: Vault, purpose: str, channel: str) -> int:
    """Raises NoConsentNeeded, UnknownChannel."""
    if not vault.consents.needed(purpose):
        raise NoConsentNeeded
    if channel not in vault.consents.channels:
        raise UnknownChannel
    return vault.consents.bit(purpose, channel)


async def require_active(acquired: asyncpg.Connection, subject: bytes, tenant_key: int) -> None:
    """A blocked person's consents rest; an erased one has none. Raises SubjectErased, UnknownSubject."""
    if await lock_subject(acquired, subject, tenant_key) != ACTIVE:
        raise SubjectErased("This person is blocked or erased: no consent can be taken.")
