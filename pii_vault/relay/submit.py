"""The public contour's verb: send this approved template to this person. It learns whether, never to what address."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import asyncpg

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.consent.ask import Wish, begin, prepare
from pii_vault.consent.errors import AskedOften
from pii_vault.consent.status import allowed
from pii_vault.core.tokens import new_id, parse_subject
from pii_vault.errors import Forbidden, IdempotencyConflict, MalformedToken, StoreUnavailable
from pii_vault.operations.access import new_entry, refuse
from pii_vault.operations.ciphers import ACTIVE
from pii_vault.relay import store as sql
from pii_vault.relay.errors import (
    BadParameters,
    NotForThisPerson,
    OutsideHours,
    RelayBudgetExceeded,
    UnfitValue,
    UnknownTemplate,
    UntypedTemplate,
)
from pii_vault.relay.parameters import check_given
from pii_vault.relay.rules import permitted
from pii_vault.relay.template import Channel, Template, fill_path, read_stored
from pii_vault.vault import Vault


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

    A template that asks for a consent begins the asking too: the code is made when the message goes.

    Raises:
        UnknownTemplate: not approved, retired, or of another digest.
        UntypedTemplate: approved before parameters had kinds.
        BadParameters, Forbidden (by policy, hour, consent or state; recorded), RelayBudgetExceeded (recorded),
        UnknownConsentText, AskedOften, IdempotencyConflict, TenantRefused, AuditUnavailable, StoreUnavailable.
    """
    tenant_key = await vault.tenants.key(principal.tenant)
    repeated = await store.fetch(vault.pool, sql.REPEATED, tenant_key, order.key)
    account = f"{principal.kind}:{principal.id}"
    if repeated:
        if (repeated[0]["fingerprint"], repeated[0]["principal"]) != (order.fingerprint, account):
            raise IdempotencyConflict  # another order, or somebody else's: whose it is may not be learnt by its key
        return str(repeated[0]["id"])
    try:
        template, subject = await _permitted(vault, principal, tenant_key, order)
        wish = await wish_of(vault, tenant_key, template)
        await charge(vault, tenant_key, template.channel, budgets)
    except (UnknownTemplate, UntypedTemplate, Forbidden, RelayBudgetExceeded) as error:
        await refuse(vault, principal, error, verb="relay", purpose="", request_id=request_id)
    place = Place(tenant_key, subject, account, principal.contour)
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

    async def apply(connection: asyncpg.Connection) -> str:
        consent = None
        if wish is not None:
            consent = await begin(vault, connection, wish, tenant_key=tenant_key, subject=subject, by=principal.id)
        return await enqueue(connection, template, order, place, consent=consent)

    try:
        return await vault.audit.commit(entry, apply=apply)
    except AskedOften as error:
        await refuse(vault, principal, error, verb="relay", purpose=template.purpose, request_id=request_id)
    except asyncpg.UniqueViolationError:  # the same order came twice at once
        return await submit(vault, principal, order, budgets=budgets, request_id=request_id)
    except asyncpg.PostgresError as error:
        raise StoreUnavailable from error


@dataclass(frozen=True, slots=True)
class Place:
    """Whose dispatch it is, and who answers for it when it is sent."""

    tenant_key: int
    subject: bytes
    account: str
    contour: Literal["private", "public"]


async def enqueue(
    connection: asyncpg.Connection, template: Template, order: Order, place: Place, *, consent: str | None
) -> str:
    """The new dispatch's id, in the transaction of its record. Raises asyncpg.UniqueViolationError: a known key."""
    dispatch = new_id("dsp")
    await connection.execute(
        sql.ENQUEUE, dispatch, place.tenant_key, place.subject, template.id, template.version, template.destination,
        json.dumps(dict(order.parameters)), place.account, place.contour, order.key, order.fingerprint, consent,
    )  # fmt: skip
    return dispatch


async def wish_of(vault: Vault, tenant_key: int, template: Template) -> Wish | None:
    """The consent that a template asks for. Raises UnknownConsentText: there is no text to consent to yet."""
    if template.consent is None:
        return None
    return await prepare(vault, tenant_key, purpose=template.consent, channel=template.channel)


async def charge(vault: Vault, tenant_key: int, channel: Channel, budgets: Mapping[Channel, int]) -> None:
    """One message more within this hour. Raises RelayBudgetExceeded."""
    if not await store.fetch(vault.pool, sql.CHARGE, tenant_key, channel, budgets[channel]):
        raise RelayBudgetExceeded


async def _permitted(vault: Vault, principal: Principal, tenant_key: int, order: Order) -> tuple[Template, bytes]:
    """The template and the person. Raises UnknownTemplate, UntypedTemplate, BadParameters, Forbidden."""
    template = await approved(vault, tenant_key, order.template, order.version)
    if template is None or template.digest != order.digest:
        raise UnknownTemplate
    if not template.is_typed:
        raise UntypedTemplate
    _check_parameters(template, order.parameters)
    answer = permitted(vault, principal, template)
    if answer != "allow":
        raise OutsideHours if answer == "outside_hours" else Forbidden
    subject = await _subject(vault, principal, tenant_key, order.subject)
    if subject is None or not await allowed(vault, tenant_key, subject, template.purpose, template.channel):
        raise NotForThisPerson
    return template, subject


async def approved(vault: Vault, tenant_key: int, template: str, version: int) -> Template | None:
    """The approved version, if its content still has the digest that was approved."""
    rows = await store.fetch(vault.pool, sql.TEMPLATE, tenant_key, template, version)
    if not rows:
        return None
    return read_stored(rows[0]["content"], digest=rows[0]["digest"])


def _check_parameters(template: Template, parameters: Mapping[str, str]) -> None:
    """Exactly those of the template, each of its kind: never a person's data brought in from outside."""
    check_given(parameters, template.parameters)
    if template.api is not None:
        try:
            fill_path(template.api.path, _Trial(parameters))
        except UnfitValue:
            raise BadParameters("A parameter stands in a path: no slashes, dots alone, percent signs.") from None


class _Trial(dict[tuple[str, str], str]):
    """The parameters, with a harmless word for every value of the person."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        super().__init__({("given", name): value for name, value in parameters.items()})

    def __missing__(self, place: tuple[str, str]) -> str:
        return "x"


async def _subject(vault: Vault, principal: Principal, tenant_key: int, text: str) -> bytes | None:
    """An active person of this shop. A foreign, unknown, blocked or erased one is told alike."""
    try:
        subject = parse_subject(text, tenant=principal.tenant)
    except MalformedToken:
        return None
    rows = await store.fetch(vault.pool, store.FETCH_SUBJECTS, [subject], tenant_key)
    return subject if rows and rows[0][1] == ACTIVE else None
