"""What the public contour may look at: which templates it could have sent, and what became of what it ordered."""

import json

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.operations.access import new_entry, refuse
from pii_vault.relay import store as sql
from pii_vault.relay.errors import UnknownDispatch
from pii_vault.relay.rules import permitted, require_relay
from pii_vault.relay.schemas import DispatchState, OfferedParameter, OfferedTemplate
from pii_vault.relay.template import read_stored
from pii_vault.vault import Vault


async def offered(vault: Vault, principal: Principal, *, request_id: str) -> list[OfferedTemplate]:
    """The newest approved version of each template that the policies let this principal have sent, at some hour.

    Raises:
        Forbidden (recorded), TenantRefused, AuditUnavailable, StoreUnavailable.
    """
    tenant_key = await vault.tenants.key(principal.tenant)
    await require_relay(vault, principal, verb="relay_templates", request_id=request_id)
    templates = []
    for row in await store.fetch(vault.pool, sql.APPROVED, tenant_key):
        template = read_stored(row["content"], digest=row["digest"])
        if template is None or not template.is_typed or permitted(vault, principal, template) == "forbidden":
            continue
        templates.append(
            OfferedTemplate(
                id=template.id,
                version=template.version,
                digest=template.digest,
                title=template.title,
                purpose=template.purpose,
                channel=template.channel,
                parameters=sorted(template.names("given")),
                consent_needed=vault.consents.needed(template.purpose),
                asks_for=template.consent,
                kinds={
                    name: OfferedParameter(each.kind, each.words, each.starts)
                    for name, each in sorted(template.parameters.items())
                },
            )
        )
    entry = new_entry(vault, principal, verb="relay_templates", purpose="", request_id=request_id, decision="allow")
    await vault.audit.commit(entry)
    return templates


async def state_of(vault: Vault, principal: Principal, dispatch: str, *, request_id: str) -> DispatchState:
    """What became of a dispatch that this very principal ordered; another's is as unknown as one that is not there.

    Raises:
        Forbidden (recorded), UnknownDispatch (recorded), TenantRefused, AuditUnavailable, StoreUnavailable.
    """
    tenant_key = await vault.tenants.key(principal.tenant)
    await require_relay(vault, principal, verb="relay_status", request_id=request_id)
    rows = await store.fetch(vault.pool, sql.STATE, tenant_key, dispatch, f"{principal.kind}:{principal.id}")
    if not rows:
        await refuse(vault, principal, UnknownDispatch(), verb="relay_status", purpose="", request_id=request_id)
    found = dict(rows[0])
    subject, answer = found.pop("subject"), found.pop("answer")
    entry = new_entry(
        vault,
        principal,
        verb="relay_status",
        purpose="",
        request_id=request_id,
        decision="allow",
        subjects=[subject],
    )
    await vault.audit.commit(entry)
    return DispatchState(**found, answer=json.loads(answer) if answer else None)
