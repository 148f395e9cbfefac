"""Acts of the issuer in the vault's audit log: who and what, never a login, an address or a code.

An act that changes the issuer's tables is recorded in its own transaction (`OpenIdentity.record`): a record that
cannot be written takes the act with it. What changes nothing (a refused try) has a record of its own (`record`).
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from pii_vault.audit.log import AuditEntry
from pii_vault.keys.contexts import IDENTITY_TENANT
from pii_vault.vault import Vault, new_request_id

OPERATOR: Final = "operator"  # whoever may run `larets` on the vault's machine


@dataclass(frozen=True, slots=True)
class Person:
    """Who an act concerns, for the audit record."""

    staff_id: str
    tenant: str


NOBODY: Final = Person("unknown", "")  # a login that does not exist belongs to no tenant


def entry_for(person: Person, verb: str, decision: str = "allow", *, by: str | None = None) -> AuditEntry:
    """`by`: who did it, where that was not the person."""
    return AuditEntry(
        tenant=person.tenant or IDENTITY_TENANT,
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


async def record(vault: Vault, person: Person, verb: str, decision: str = "allow") -> None:
    """One record, committed. Call it before the answer is given.

    Raises:
        AuditUnavailable: then nothing may be answered but that.
    """
    await vault.audit.commit(entry_for(person, verb, decision))


def staff_subject(staff_id: str) -> bytes:
    """A member of staff as a subject of a record: sixteen bytes, like the ids of customers, and unlike any of them."""
    return sha256(b"staff\0" + staff_id.encode()).digest()[:16]
