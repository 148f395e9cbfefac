"""Templates are proposed by one and approved by another; what is sent is exactly what was approved.

Each step is an act with its record in one transaction, and deciding asks for a second factor of the last hour.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

import asyncpg

from pii_vault import store
from pii_vault.access.conditions import second_factor_minutes
from pii_vault.access.principal import Principal
from pii_vault.core.detect import find_personal_data
from pii_vault.errors import InvalidRequest
from pii_vault.operations.access import new_entry, refuse
from pii_vault.relay import store as sql
from pii_vault.relay.errors import (
    BadNote,
    BadTemplate,
    FactorTooOld,
    NotADecider,
    NothingToDecide,
    UnknownDestination,
    UntypedTemplate,
)
from pii_vault.relay.template import KEEP, Template, read_stored
from pii_vault.vault import Vault

PROPOSERS: Final = frozenset({"owner", "officer", "marketer"})
DECIDERS: Final = frozenset({"owner", "officer"})
FACTOR_MINUTES: Final = 60
MOST_NOTE: Final = 500
OF_CONSENTS: Final = "subject_request"  # the purpose of messages that ask a person to confirm a consent


async def propose(vault: Vault, principal: Principal, template: Template, *, request_id: str) -> str:
    """Keeps a version for approval; gives its digest.

    Raises:
        NotADecider (recorded), BadTemplate, UnknownDestination, InvalidRequest (the version exists), AuditUnavailable.
    """
    verb = "relay_propose"
    tenant_key = await vault.tenants.key(principal.tenant)
    if PROPOSERS.isdisjoint(principal.roles) or principal.kind != "staff":
        await refuse(vault, principal, NotADecider(), verb=verb, purpose="", request_id=request_id)
    _check_words(vault, template)
    rows = await store.fetch(vault.pool, sql.DESTINATION, tenant_key, template.destination)
    if not rows:
        raise UnknownDestination
    if (rows[0]["kind"] == "smtp") != (template.channel == "email"):
        raise BadTemplate("destination: mails go to one of kind smtp, everything else to one of kind http.")
    content = json.dumps(template.model_dump(by_alias=True, exclude_defaults=True))
    place = (tenant_key, template.id, template.version, template.digest, content, principal.id)
    act = _Act(vault, principal, verb, place=(template.id, template.version), request_id=request_id)
    try:
        await act.commit(sql.PROPOSE, place, purpose=template.purpose)
    except asyncpg.UniqueViolationError:
        raise InvalidRequest("This version exists already: raise `version`.") from None
    return template.digest


async def approve(
    vault: Vault, principal: Principal, *, template: str, version: int, digest: str, request_id: str
) -> None:
    """From now on the public contour may have it sent.

    Raises:
        NotADecider, FactorTooOld, UntypedTemplate (proposed before parameters had kinds), NothingToDecide (no such
        proposal, another digest, decided already, or the approver's own; all recorded), AuditUnavailable.
    """
    act = _Act(vault, principal, "relay_approve", place=(template, version), request_id=request_id)
    await act.require_decider()
    await act.require_kinds()
    await act.decide(sql.APPROVE, digest, principal.id)


async def reject(
    vault: Vault, principal: Principal, *, template: str, version: int, digest: str, note: str, request_id: str
) -> None:
    """It is never approved: a better text is another version. Raises as `approve`, and BadNote."""
    act = _Act(vault, principal, "relay_reject", place=(template, version), request_id=request_id)
    await act.require_decider()
    await act.decide(sql.REJECT, digest, principal.id, read_note(note))


async def retire(
    vault: Vault, principal: Principal, *, template: str, version: int, request_id: str, note: str = ""
) -> None:
    """Withdrawn: nothing is sent by it any more, what waits included. A proposal may be withdrawn by who made it.

    Raises as `approve`, and BadNote.
    """
    act = _Act(vault, principal, "relay_retire", place=(template, version), request_id=request_id)
    decides = not DECIDERS.isdisjoint(principal.roles)
    await act.require_factor()
    await act.decide(sql.RETIRE, principal.id, read_note(note) or None, decides)


def read_note(text: str) -> str:
    """Raises BadNote."""
    note = " ".join(text.split())
    if len(note) > MOST_NOTE or not note.isprintable() or find_personal_data(note):
        raise BadNote
    return note


def template_subject(tenant: str, template: str, version: int) -> bytes:
    """A version as a subject of a record, unlike any person: who decided on it can be asked of the log."""
    return sha256(f"template\0{tenant}\0{template}\0{version}".encode()).digest()[:16]


class _Act:
    """One step on one version, `place`: (id, version)."""

    def __init__(
        self, vault: Vault, principal: Principal, verb: str, *, place: tuple[str, int], request_id: str
    ) -> None:
        self._vault = vault
        self._principal = principal
        self._verb = verb
        self._place = place
        self._request_id = request_id

    async def require_decider(self) -> None:
        if DECIDERS.isdisjoint(self._principal.roles) or self._principal.kind != "staff":
            await self._refuse(NotADecider())
        await self.require_factor()

    async def require_factor(self) -> None:
        if second_factor_minutes(self._principal.second_factor_at, self._vault.clock()) > FACTOR_MINUTES:
            await self._refuse(FactorTooOld())

    async def require_kinds(self) -> None:
        tenant_key = await self._vault.tenants.key(self._principal.tenant)
        for row in await store.fetch(self._vault.pool, sql.CONTENT, tenant_key, *self._place):
            template = read_stored(row["content"], digest=row["digest"])
            if template is not None and not template.is_typed:
                await self._refuse(UntypedTemplate())

    async def decide(self, statement: str, *rest: Any) -> None:
        """Runs the statement on this version; it must change a row."""
        tenant_key = await self._vault.tenants.key(self._principal.tenant)
        await self.commit(statement, (tenant_key, *self._place, *rest), decided=True)

    async def commit(self, statement: str, place: tuple[Any, ...], *, purpose: str = "", decided: bool = False) -> None:
        entry = new_entry(
            self._vault,
            self._principal,
            verb=self._verb,
            purpose=purpose,
            request_id=self._request_id,
            decision="allow",
            subjects=[template_subject(self._principal.tenant, *self._place)],
        )

        async def apply(connection: asyncpg.Connection) -> None:
            if not await connection.fetch(statement, *place) and decided:
                raise NothingToDecide

        refusal = replace(entry, decision=NothingToDecide.code) if decided else None
        await self._vault.audit.commit(entry, apply=apply, refusal=refusal)

    async def _refuse(self, error: NotADecider | FactorTooOld | UntypedTemplate) -> None:
        await refuse(self._vault, self._principal, error, verb=self._verb, purpose="", request_id=self._request_id)


def _check_words(vault: Vault, template: Template) -> None:
    """Every purpose, class and consent that the template names is one of the registers. Raises BadTemplate."""
    if template.purpose not in vault.purposes:
        raise BadTemplate("purpose: name one of policies/purposes.yaml.")
    if unknown := [name for name in template.classes if name not in vault.classes]:
        raise BadTemplate(f"person.{unknown[0]}: there is no such class in policies/classes.yaml.")
    answers: Mapping[str, str] = template.api.answer if template.api is not None else {}
    if unknown := [name for name in answers.values() if name != KEEP and name not in vault.classes]:
        raise BadTemplate(f"answer: {unknown[0]} is neither a class nor `keep`.")
    if find_personal_data(template.title):
        raise BadTemplate("title: the public contour is told it; it holds what looks like personal data.")
    if (template.consent is not None) != (template.purpose == OF_CONSENTS):
        raise BadTemplate(f"consent: a message that asks for one has the purpose {OF_CONSENTS}, and no other has.")
    if template.consent is not None and not _can_be_asked(vault, template.consent, template.channel):
        raise BadTemplate("consent: name a purpose of policies/consents.yaml; mail and SMS ask for it.")


def _can_be_asked(vault: Vault, purpose: str, channel: str) -> bool:
    known = vault.consents.channels.get(channel)
    return vault.consents.needed(purpose) and known is not None and known.by == "relay"
