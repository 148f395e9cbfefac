"""A person's consents with their evidence: what text, when, how, by whom; and whether the bits agree with the rows."""

from typing import Any

from pii_vault import store
from pii_vault.consent import store as sql
from pii_vault.core.tokens import new_subject_text
from pii_vault.vault import Vault


async def consents_of(vault: Vault, tenant: str, subject: bytes) -> list[dict[str, Any]]:
    """Oldest first. `status` is `pending`, `in_force` or `withdrawn`."""
    tenant_key = await vault.tenants.key(tenant)
    return [
        {
            "consent": row["id"],
            "purpose": row["purpose"],
            "channel": row["channel"],
            "status": _status(row),
            "how": row["how"],
            "given": row["given"].isoformat(),
            "given_by": row["given_by"],
            "confirmed": row["confirmed"].isoformat() if row["confirmed"] else None,
            "withdrawn": row["withdrawn"].isoformat() if row["withdrawn"] else None,
            "withdrawn_by": row["withdrawn_by"],
            "text_version": row["version"],
            "text_sha256": row["digest"].hex(),
        }
        for row in await store.fetch(vault.pool, sql.HISTORY, subject, tenant_key)
    ]


async def astray(vault: Vault, tenant: str) -> list[str]:
    """Persons whose bits are not what their consents say; empty unless somebody wrote around the vault."""
    tenant_key = await vault.tenants.key(tenant)
    register = vault.consents
    pairs = [(purpose, channel) for purpose in register.purposes for channel in register.channels]
    purposes, channels = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    bits = [register.bit(*pair) for pair in pairs]
    rows = await store.fetch(vault.pool, sql.ASTRAY, tenant_key, purposes, channels, bits)
    return [new_subject_text(row["id"], tenant=tenant) for row in rows]


def _status(row: Any) -> str:
    if row["withdrawn"] is not None:
        return "withdrawn"
    return "pending" if row["confirmed"] is None else "in_force"
