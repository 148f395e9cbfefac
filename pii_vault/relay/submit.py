"""The public contour's verb: send this approved template to this person. It learns whether, never to what address."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import asyncpg

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.consent.status import allowed
from pii_vault.core.detect import find_personal_data
from pii_vault.core.tokens import new_id, parse_subject
from pii_vault.errors import Forbidden, IdempotencyConflict, MalformedToken, StoreUnavailable
from pii_vault.operations.access import new_entry, refuse, rule
from pii_vault.operations.ciphers import ACTIVE
from pii_vault.relay import store as sql
from pii_vault.relay.errors import BadParameters, RelayBudgetExceeded, UnknownTemplate
from pii_vault.relay.template import Channel, Template
from pii_vault.vault import Vault

MOST_PARAMETER: Final = 200
_NOT_NOW: Final = "This person's data are not processed for this purpose now: blocked, erased, or no consent."


@dataclass(frozen=True, slots=True)
class Order:
    """What the sender names. The recipient and every value are the subject's own."""

    template: str
    version: int
    digest: str
    subject: str
    key: str  # one order is sent once, however often it is asked for
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        parts = [self.template, self.version, self.digest, self.subject, sorted(self.parameters.items())]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


async def submit(
    vault: Vault, principal: Principal, order: Order, *, budgets: Mapping[Channel, int], request_id: str
) -> str:
    """Takes an order in and gives the id of its dispatch; the intent is on the record before anything is sent.

    Raises:
        UnknownTemplate: not approved, retired, or of another digest.
        BadParameters, Forbidden (by policy, consent or state; recorded), RelayBudgetExceeded (recorded),
        IdempotencyConflict, TenantRefused, AuditUnavailable, StoreUnavailable.
    """
    tenant_key = await vault.tenants.key(principal.tenant)
    repeated = await store.fetch(vault.pool, sql.REPEATED, tenant_key, order.key)
    if repeated:
        if repeated[0]["fingerprint"] != order.fingerprint:
            raise IdempotencyConflict
        return str(repeated[0]["id"])
    try:
        template, subject = await _permitted(vault, principal, tenant_key, order)
        await _charge(vault, tenant_key, template.channel, budgets)
    except (UnknownTemplate, Forbidden, RelayBudgetExceeded) as error:
        await refuse(vault, principal, error, verb="relay", purpose="", request_id=request_id)
    dispatch = new_id("dsp")
    entry = new_entry(
        vault,
        principal,
        verb="relay",
        purpose=template.purpose,
        request_id=request_id,
        decision="intent",
        counts={"relay": dict.fromkeys(template.classes, 1)},
        subjects=[subject],
    )

    async def apply(connection: asyncpg.Connection) -> None:
        account = f"{principal.kind}:{principal.id}"
        parameters = json.dumps(dict(order.parameters))
        await connection.execute(
            sql.ENQUEUE, dispatch, tenant_key, subject, template.id, template.version, parameters, account, order.key,
            order.fingerprint,
        )  # fmt: skip

    try:
        await vault.audit.commit(entry, apply=apply)
    except asyncpg.UniqueViolationError:  # the same order came twice at once
        return await submit(vault, principal, order, budgets=budgets, request_id=request_id)
    except asyncpg.PostgresError as error:
        raise StoreUnavailable from error
    return dispatch


async def _charge(vault: Vault, tenant_key: int, channel: Channel, budgets: Mapping[Channel, int]) -> None:
    if not await store.fetch(vault.pool, sql.CHARGE, tenant_key, channel, budgets[channel]):
        raise RelayBudgetExceeded


async def _permitted(vault: Vault, principal: Principal, tenant_key: int, order: Order) -> tuple[Template, bytes]:
    """The template and the person. Raises UnknownTemplate, BadParameters, Forbidden."""
    template = await approved(vault, tenant_key, order.template, order.version)
    if template is None or template.digest != order.digest:
        raise UnknownTemplate
    _check_parameters(template, order.parameters)
    for class_id in template.classes:
        ruling = rule(vault, principal, purpose=template.purpose, class_id=class_id, action="relay", consent=True)
        if ruling.outcome != "allow":
            raise Forbidden
    subject = await _subject(vault, principal, tenant_key, order.subject)
    if subject is None or not await allowed(vault, tenant_key, subject, template.purpose, template.channel):
        raise Forbidden(_NOT_NOW)
    return template, subject


async def approved(vault: Vault, tenant_key: int, template: str, version: int) -> Template | None:
    """The approved version, if its content still has the digest that was approved."""
    rows = await store.fetch(vault.pool, sql.TEMPLATE, tenant_key, template, version)
    if not rows:
        return None
    found = Template.model_validate(json.loads(rows[0]["content"]))
    return found if found.digest == rows[0]["digest"] else None


def _check_parameters(template: Template, parameters: Mapping[str, str]) -> None:
    """Exactly those of the template; facts, never a person's data brought in from outside."""
    if set(parameters) != template.names("given"):
        raise BadParameters(
            f"The template takes these parameters: {', '.join(sorted(template.names('given'))) or '—'}."
        )
    for name, value in parameters.items():
        if len(value) > MOST_PARAMETER or find_personal_data(value):
            raise BadParameters(f"{name}: at most {MOST_PARAMETER} characters, and no personal data.")


async def _subject(vault: Vault, principal: Principal, tenant_key: int, text: str) -> bytes | None:
    """An active person of this shop. A foreign, unknown, blocked or erased one is told alike."""
    try:
        subject = parse_subject(text, tenant=principal.tenant)
    except MalformedToken:
        return None
    rows = await store.fetch(vault.pool, store.FETCH_SUBJECTS, [subject], tenant_key)
    return subject if rows and rows[0][1] == ACTIVE else None
