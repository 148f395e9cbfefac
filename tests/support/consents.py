"""A consent that was asked for by a message, and the code that the message carried."""

from dataclasses import dataclass, field

from pii_vault.consent.ask import begin, prepare, renew_code
from pii_vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Waiting:
    consent: str
    code: str = field(repr=False)


async def ask_by_message(vault: Vault, subject: bytes, *, channel: str = "email") -> Waiting:
    """As the relay does it: the consent with the order to send, the code when it is sent."""
    tenant_key = await vault.tenants.key("demo")
    wish = await prepare(vault, tenant_key, purpose="marketing", channel=channel)
    async with vault.pool.acquire() as connection, connection.transaction():
        consent = await begin(vault, connection, wish, tenant_key=tenant_key, subject=subject, by="stf_sales")
    code = await renew_code(vault, tenant_key, consent)
    assert code is not None
    return Waiting(consent, code)
