"""Whether a principal may act on a person's rights, asked of the same matrix as everything else."""

from collections.abc import Iterable
from typing import Final, Literal

import asyncpg

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.core.tokens import parse_subject
from pii_vault.errors import Forbidden, MalformedToken
from pii_vault.operations.access import refuse, rule
from pii_vault.rights import store as sql
from pii_vault.rights.errors import UnknownSubject
from pii_vault.vault import Vault

PURPOSE: Final = "subject_request"
RightAction = Literal["export", "erase", "search"]


async def require_right(
    vault: Vault,
    principal: Principal,
    *,
    action: RightAction,
    verb: str,
    request_id: str,
    classes: Iterable[str] = (),
) -> None:
    """Every one of the classes, or any class at all where none is named, must be allowed for a subject's request.

    Raises:
        Forbidden: recorded before it is raised.
    """
    named = list(classes)
    rulings = [
        rule(vault, principal, purpose=PURPOSE, class_id=class_id, action=action).outcome == "allow"
        for class_id in named or vault.matrix.classes
    ]
    if not (all(rulings) if named else any(rulings)):
        await refuse(vault, principal, Forbidden(), verb=verb, purpose=PURPOSE, request_id=request_id)


async def require_subject(vault: Vault, tenant: str, text: str) -> bytes:
    """The id of a person of this tenant. A foreign id and an unknown one are alike.

    Raises:
        UnknownSubject, TenantRefused, StoreUnavailable.
    """
    tenant_key = await vault.tenants.key(tenant)
    try:
        subject = parse_subject(text, tenant=tenant)
    except MalformedToken as error:
        raise UnknownSubject from error
    if not await store.fetch(vault.pool, sql.SUBJECT, subject, tenant_key):
        raise UnknownSubject
    return subject


async def lock_subject(acquired: asyncpg.Connection, subject: bytes, tenant_key: int) -> bytes:
    """The person's state, held until the transaction ends: nobody adds a value meanwhile. Raises UnknownSubject."""
    row = await acquired.fetchrow(sql.LOCK_SUBJECT, subject, tenant_key)
    if row is None:
        raise UnknownSubject
    return bytes(row["state"])
