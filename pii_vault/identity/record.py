"""Acts of the issuer in the vault's audit log: who and what, never a login, an address or a code."""

from hashlib import sha256

from pii_vault.audit.log import AuditEntry
from pii_vault.identity.keys import KEY_TENANT
from pii_vault.identity.signin import NOBODY, Person
from pii_vault.vault import Vault, new_request_id

OPERATOR = "operator"  # whoever may run `larets` on the vault's machine


async def record(vault: Vault, person: Person, verb: str, decision: str = "allow", *, by: str | None = None) -> None:
    """One record, committed. Call it before the act's fruit (a cookie, a token, a link) is handed out.

    Raises:
        AuditUnavailable: then nothing may be handed out; what the act left in the tables opens nothing by itself.
    """
    await vault.audit.commit(
        AuditEntry(
            tenant=person.tenant or KEY_TENANT,
            principal_id=by or person.staff_id,
            principal_kind="service" if by or person == NOBODY else "staff",
            verb=verb,
            purpose="",
            decision=decision,
            counts={},
            matrix_version="",
            request_id=new_request_id(),
            subjects=[staff_subject(person.staff_id)] if by else (),
        )
    )


def staff_subject(staff_id: str) -> bytes:
    """A member of staff as a subject of a record: sixteen bytes, like the ids of customers, and unlike any of them."""
    return sha256(b"staff\0" + staff_id.encode()).digest()[:16]
