"""A consent asked for from within the private contour: the vault itself sends the shop's approved request for it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.consent.ask import begin, prepare
from pii_vault.consent.give import require_taker
from pii_vault.consent.status import allowed
from pii_vault.operations.access import new_entry, refuse
from pii_vault.relay import store as sql
from pii_vault.relay.errors import NoConsentTemplate, NotForThisPerson, RelayBudgetExceeded
from pii_vault.relay.rules import own_principal
from pii_vault.relay.submit import Order, Place, charge, enqueue
from pii_vault.relay.template import Channel, Template, read_stored
from pii_vault.vault import Vault

VERB = "consent_ask"


@dataclass(frozen=True, slots=True)
class Asked:
    """A consent that waits for its code, and the message that carries it."""

    consent: str
    dispatch: str


async def ask(
    vault: Vault,
    principal: Principal,
    subject: bytes,
    *,
    purpose: str,
    channel: str,
    budgets: Mapping[Channel, int],
    request_id: str,
    text_version: int | None = None,
) -> Asked:
    """Begins a double opt-in. Neither the code nor the address is known to whoever asks.

    Raises:
        NoConsentNeeded, UnknownChannel, UnknownConsentText, NoConsentTemplate, Forbidden, NotForThisPerson,
        RelayBudgetExceeded (the last three recorded), AskedOften, SubjectErased, AuditUnavailable, StoreUnavailable.
    """
    tenant_key = await vault.tenants.key(principal.tenant)
    await require_taker(vault, principal, verb=VERB, purpose=purpose, request_id=request_id)
    wish = await prepare(vault, tenant_key, purpose=purpose, channel=channel, text_version=text_version)
    template = await _template(vault, tenant_key, purpose, channel)
    if not await allowed(vault, tenant_key, subject, template.purpose, template.channel):
        await refuse(vault, principal, NotForThisPerson(), verb=VERB, purpose=purpose, request_id=request_id)
    try:
        await charge(vault, tenant_key, template.channel, budgets)
    except RelayBudgetExceeded as error:
        await refuse(vault, principal, error, verb=VERB, purpose=purpose, request_id=request_id)
    order = Order(template.id, template.version, template.digest, "", key=uuid.uuid4().hex)
    own = own_principal(principal.tenant)
    place = Place(tenant_key, subject, f"{own.kind}:{own.id}", own.contour)

    async def apply(connection: asyncpg.Connection) -> Asked:
        consent = await begin(vault, connection, wish, tenant_key=tenant_key, subject=subject, by=principal.id)
        return Asked(consent, await enqueue(connection, template, order, place, consent=consent))

    entry = new_entry(
        vault, principal, verb=VERB, purpose=purpose, request_id=request_id, decision="allow", subjects=[subject]
    )
    return await vault.audit.commit(entry, apply=apply)


async def _template(vault: Vault, tenant_key: int, purpose: str, channel: str) -> Template:
    """The shop's approved request for this consent, of which the newest version counts."""
    for row in await store.fetch(vault.pool, sql.APPROVED, tenant_key):
        template = read_stored(row["content"], digest=row["digest"])
        if template is None or template.names("given"):  # nobody is here who could give a parameter
            continue
        if template.consent == purpose and template.channel == channel:
            return template
    raise NoConsentTemplate
