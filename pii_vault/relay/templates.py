"""Templates are proposed by one and approved by another; what is sent is exactly what was approved."""

import json
from typing import Any

import asyncpg

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.errors import InvalidRequest
from pii_vault.operations.access import new_entry
from pii_vault.relay import store as sql
from pii_vault.relay.errors import BadTemplate, UnknownDestination, UnknownTemplate
from pii_vault.relay.template import Template
from pii_vault.vault import Vault


async def propose(vault: Vault, principal: Principal, template: Template, *, request_id: str) -> str:
    """Keeps a version for approval; gives its digest. Raises BadTemplate, UnknownDestination, InvalidRequest."""
    tenant_key = await vault.tenants.key(principal.tenant)
    if template.purpose not in vault.purposes:
        raise BadTemplate("purpose: name one of policies/purposes.yaml.")
    if unknown := [name for name in template.classes if name not in vault.classes]:
        raise BadTemplate(f"person.{unknown[0]}: there is no such class in policies/classes.yaml.")
    answers = template.api.answer.values() if template.api is not None else ()
    if unknown := [name for name in answers if name != "keep" and name not in vault.classes]:
        raise BadTemplate(f"answer: {unknown[0]} is neither a class nor `keep`.")
    rows = await store.fetch(vault.pool, sql.DESTINATION, tenant_key, template.destination)
    if not rows:
        raise UnknownDestination
    if (rows[0]["kind"] == "smtp") != (template.channel == "email"):
        raise BadTemplate("destination: mails go to one of kind smtp, everything else to one of kind http.")
    content = json.dumps(template.model_dump(by_alias=True, exclude_defaults=True))
    place = (tenant_key, template.id, template.version, template.digest, content, principal.id)
    try:
        await _recorded(vault, principal, "relay_propose", statement=sql.PROPOSE, place=place, request_id=request_id)
    except asyncpg.UniqueViolationError:
        raise InvalidRequest("This version exists already: raise `version`.") from None
    return template.digest


async def approve(
    vault: Vault, principal: Principal, *, template: str, version: int, digest: str, request_id: str
) -> None:
    """Raises UnknownTemplate: no such proposal, another digest, approved already, or the approver's own proposal."""
    tenant_key = await vault.tenants.key(principal.tenant)
    place = (tenant_key, template, version, digest, principal.id)
    if not await _recorded(
        vault, principal, "relay_approve", statement=sql.APPROVE, place=place, request_id=request_id
    ):
        raise UnknownTemplate("No such proposal waits for somebody else's approval. Compare version and digest.")


async def retire(vault: Vault, principal: Principal, *, template: str, version: int, request_id: str) -> None:
    """From now on nothing is sent by it, what waits included. Raises UnknownTemplate."""
    tenant_key = await vault.tenants.key(principal.tenant)
    if not await _recorded(
        vault,
        principal,
        "relay_retire",
        statement=sql.RETIRE,
        place=(tenant_key, template, version),
        request_id=request_id,
    ):
        raise UnknownTemplate


async def _recorded(
    vault: Vault, principal: Principal, verb: str, *, statement: str, place: tuple[Any, ...], request_id: str
) -> bool:
    """Runs the statement and records it in one transaction; whether it returned a row."""
    entry = new_entry(vault, principal, verb=verb, purpose="", request_id=request_id, decision="allow")

    async def apply(connection: asyncpg.Connection) -> bool:
        return bool(await connection.fetch(statement, *place))

    return await vault.audit.commit(entry, apply=apply)
