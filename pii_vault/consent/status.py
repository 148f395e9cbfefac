"""Whether a person may be processed for a purpose through a channel, now. For the relay, which asks before it sends."""

from pii_vault import store
from pii_vault.consent import store as sql
from pii_vault.operations.ciphers import ACTIVE
from pii_vault.vault import Vault


async def allowed(vault: Vault, tenant_key: int, subject: bytes, purpose: str, channel: str) -> bool:
    """True for an active person who consented, or of whom this purpose asks no consent.

    False for a person who is blocked, erased or unknown, whatever was consented to. One row by its key is read each
    time, so a withdrawal works on the next request.

    Raises:
        StoreUnavailable.
    """
    rows = await store.fetch(vault.pool, sql.STATUS, subject, tenant_key)
    if not rows or rows[0]["state"] != ACTIVE:
        return False
    register = vault.consents
    if not register.needed(purpose):
        return True
    return channel in register.channels and bool(rows[0]["consents"] & register.bit(purpose, channel))
