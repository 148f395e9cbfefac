"""Where the officer let classified text cross to the public contour: per shop and class of text, nowhere by default."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import asyncpg

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.core.classes import ClassRegistry, FieldClass
from pii_vault.errors import Forbidden, InvalidRequest, StoreUnavailable
from pii_vault.identity.record import staff_subject
from pii_vault.operations.access import new_entry, refuse, rule
from pii_vault.vault import Vault

TEXTS: Final = frozenset({"text"})  # normalisers of the classes whose values are texts of people
AUDITED_AS: Final = {True: "classified_text_on", False: "classified_text_off"}

_ON = """
INSERT INTO classified_text (tenant_key, class_key, officer) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
"""
_OFF = "DELETE FROM classified_text WHERE tenant_key = $1 AND class_key = $2"
_IS_ON = "SELECT 1 FROM classified_text WHERE tenant_key = $1 AND class_key = $2"
_LIST = "SELECT class_key, since, officer FROM classified_text WHERE tenant_key = $1 ORDER BY class_key"


@dataclass(frozen=True, slots=True)
class SwitchedOn:
    """A residual risk that somebody took: classified texts of this class cross."""

    class_id: str
    since: datetime
    officer: str


async def is_on(vault: Vault, tenant: str, class_id: str) -> bool:
    """Raises UnknownClass, TenantRefused, StoreUnavailable."""
    tenant_key = await vault.tenants.key(tenant)
    return bool(await store.fetch(vault.pool, _IS_ON, tenant_key, vault.classes.get(class_id).key))


async def switched_on(vault: Vault, tenant: str) -> list[SwitchedOn]:
    """Raises TenantRefused, StoreUnavailable."""
    rows = await store.fetch(vault.pool, _LIST, await vault.tenants.key(tenant))
    return [SwitchedOn(vault.classes.by_key(row["class_key"]).id, row["since"], row["officer"]) for row in rows]


async def switch(
    vault: Vault, principal: Principal, *, class_id: str, on: bool, request_id: str, by: str | None = None
) -> None:
    """Lets classified texts of a class cross, or stops it. For whoever may read the log: the officer.

    `by` names who did it in the officer's place; the record then is theirs, about the officer.

    Raises:
        UnknownClass, Forbidden, InvalidRequest (no class of text), TenantRefused, AuditUnavailable, StoreUnavailable.
    """
    tenant_key = await vault.tenants.key(principal.tenant)
    field_class = require_text(vault.classes, class_id)
    verb = AUDITED_AS[on]
    if rule(vault, principal, purpose="audit", class_id=class_id, action="audit").outcome != "allow":
        await refuse(vault, principal, Forbidden(), verb=verb, purpose="audit", request_id=request_id)

    async def write(connection: asyncpg.Connection) -> None:
        if on:
            await connection.execute(_ON, tenant_key, field_class.key, principal.id)
        else:
            await connection.execute(_OFF, tenant_key, field_class.key)

    entry = new_entry(
        vault,
        principal,
        verb=verb,
        purpose="audit",
        request_id=request_id,
        decision="allow",
        counts={"switched": {class_id: 1}},
    )
    if by is not None:
        about = [staff_subject(principal.id)]
        entry = replace(entry, principal_id=by, principal_kind="service", subjects=about)
    try:
        await vault.audit.commit(entry, apply=write)
    except asyncpg.PostgresError as error:
        raise StoreUnavailable from error


def require_text(classes: ClassRegistry, class_id: str) -> FieldClass:
    """The class, if its values are texts. Raises UnknownClass, InvalidRequest."""
    field_class = classes.get(class_id)
    if field_class.normalise not in TEXTS:
        raise InvalidRequest(f"{class_id}: only a class of text is classified")
    return field_class
