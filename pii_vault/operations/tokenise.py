"""Value → token. One transaction holds the values, their keys and the audit record."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import msgspec

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.core.classes import normalise, require_value
from pii_vault.core.tokens import parse_subject
from pii_vault.errors import (
    BudgetExceeded,
    Forbidden,
    InvalidValue,
    MalformedToken,
)
from pii_vault.operations.access import new_entry, refuse
from pii_vault.operations.ciphers import ACTIVE, BLOCKED
from pii_vault.operations.draft import Draft, ItemClass, item_classes
from pii_vault.operations.issue import Issue
from pii_vault.operations.items import RETENTION_KEYS, RetentionGroup, TokeniseItem, TokeniseResult
from pii_vault.operations.parts import Plan
from pii_vault.operations.write import Act, Answer, commit, planned, repeated
from pii_vault.vault import Vault

_FINGERPRINT = "@idempotency"  # names the key of fingerprints; no field class can be called so
_NOTHING = TokeniseResult()
_answers = msgspec.json.Decoder(list[TokeniseResult])


async def tokenise(
    vault: Vault,
    principal: Principal,
    items: Sequence[TokeniseItem],
    *,
    request_id: str,
    idempotency_key: str | None = None,
    group: RetentionGroup = "other",
    purposes: Collection[str] | None = None,
    mentioned: bool = False,
) -> list[TokeniseResult]:
    """Tokens for the values, in order; what is wrong with one item does not stop the others.

    Without `subject` each random item opens a subject of its own. A deterministic one finds the token that the
    value has already, whoever has it: a search, so only where the principal may search for this class (`purposes`
    are those it is registered for, None for all), at the cost of its search budget and with a word in the record;
    else it gets a new token. With a subject, a value that belongs to somebody else gets a new token there, and a
    possible duplicate is noted. `mentioned` values only stand in somebody's text (a courier's phone in a buyer's
    note): nobody is found or matched by them, and they are never taken for the person's own.

    Raises:
        Forbidden: the principal may tokenise no class at all.
        UnknownClass: an item names a class that is not registered.
        InvalidRequest: a deterministic token is asked for in a class without an index.
        IdempotencyConflict: the key was used with another request.
        BudgetExceeded: more values are looked for than may be searched in an hour.
        TenantRefused, Busy, AuditUnavailable, StoreUnavailable, KeyServiceUnavailable.
    """
    tenant_key = await vault.tenants.key(principal.tenant)
    if not vault.matrix.purposes_for(principal.roles, "tokenise"):
        await refuse(vault, principal, Forbidden(), verb="tokenise", purpose="", request_id=request_id)
    versions = await vault.tenants.index_versions(principal.tenant)
    parts = await vault.search_plans.get(tenant_key)
    classes = await item_classes(vault, principal, items, versions, parts, purposes=purposes)
    request = _Request(
        vault,
        principal,
        tenant_key,
        RETENTION_KEYS[group],
        items,
        classes,
        request_id,
        versions.writes,
        parts,
        mentioned,
    )
    if idempotency_key is not None:
        indexer = await vault.index_keys.get(principal.tenant, _FINGERPRINT)
        request.key = idempotency_key
        request.fingerprint = indexer.digest(f"{group} {msgspec.json.encode(items).decode()}")
    return await planned(request.attempt)


@dataclass(slots=True)
class _Request:
    vault: Vault
    principal: Principal
    tenant_key: int
    group: int
    items: Sequence[TokeniseItem]
    classes: dict[str, ItemClass]
    request_id: str
    index_version: int
    parts: Plan
    mentioned: bool
    key: str | None = None
    fingerprint: bytes = b""
    charged: bool = False

    async def attempt(self) -> list[TokeniseResult]:
        """Raises PlanOutdatedError when the plan no longer holds at the time of writing."""
        kept = await self._repeated()
        if kept is not None:
            return kept
        plan = Draft([_NOTHING] * len(self.items))
        self._read_items(plan, await self._states())
        await self._charge(plan)
        act = Act(self.principal.tenant, self.tenant_key, self.group, self.index_version)
        issue = Issue(self.vault, self.principal, self.tenant_key, self.parts, plan, act, mentioned=self.mentioned)
        await issue.run()
        if self.key is not None:
            content = msgspec.json.encode(plan.results)
            act.answer = Answer(self._account, self.key, self.fingerprint, content)
        entry = new_entry(
            self.vault,
            self.principal,
            verb="tokenise",
            purpose="",
            request_id=self.request_id,
            decision="allow" if plan.indexes else "deny",
            counts=plan.counts(),
            subjects=plan.subjects,
        )
        await commit(self.vault, entry, act)
        return plan.results

    async def _charge(self, plan: Draft) -> None:
        """Values to be found with whoever has them are searches: counted once, however often the plan is made anew."""
        asked = {plan.wanted[row][0] for row in plan.anybodys if plan.classes[row].searched}
        for class_key, number in Counter([class_key for class_key, _ in asked]).items():
            plan.outcomes["searched", self.vault.classes.by_key(class_key).id] = number
        if self.charged or not asked:
            return
        budgets, principal = self.vault.budgets, self.principal
        try:
            await budgets.charge(
                self.vault.pool, principal, tenant_key=self.tenant_key, action="search", count=len(asked)
            )
        except BudgetExceeded as error:
            await refuse(self.vault, principal, error, verb="tokenise", purpose="", request_id=self.request_id)
        self.charged = True

    @property
    def _account(self) -> str:
        return f"{self.principal.kind}:{self.principal.id}"

    async def _repeated(self) -> list[TokeniseResult] | None:
        """The answer this idempotency key has got already."""
        if self.key is None:
            return None
        answer = await repeated(self.vault, self.tenant_key, self._account, key=self.key, fingerprint=self.fingerprint)
        return None if answer is None else _answers.decode(answer)

    async def _states(self) -> dict[str, tuple[bytes, bytes | None]]:
        """Named subjects: text → (id, state). Unknown and foreign ones have no state; malformed ones no id."""
        named: dict[str, bytes] = {}
        for text in {item.subject for item in self.items}:
            if text is not None and text[:1] != "@":
                try:
                    named[text] = parse_subject(text, tenant=self.principal.tenant)
                except MalformedToken:
                    named[text] = b""
        if not named:
            return {}
        ids = [subject for subject in named.values() if subject]
        rows = await store.fetch(self.vault.pool, store.FETCH_SUBJECTS, ids, self.tenant_key)
        states = {row[0]: row[1] for row in rows}
        return {text: (subject, states.get(subject)) for text, subject in named.items()}

    def _read_items(self, plan: Draft, states: dict[str, tuple[bytes, bytes | None]]) -> None:
        """Each item gets a row in the plan's columns, or its error."""
        labels: dict[str, int] = {}
        for index, item in enumerate(self.items):
            known, subject = self.classes[item.class_id], item.subject
            slot: bytes | int = plan.opened
            error = None if known.allowed else "denied"
            if error is None and subject is not None and subject[:1] != "@":
                slot, state = states[subject]
                error = _subject_error(slot, state)
            if error is None:
                try:
                    digest = self._digest(plan, item, known)
                except InvalidValue:
                    error = "invalid_value"
            if error is not None:
                plan.results[index] = TokeniseResult(error=error)
                plan.outcomes[error, item.class_id] += 1
                continue
            if subject is not None and subject[:1] == "@":
                slot = labels.setdefault(subject, plan.opened)
            if slot == plan.opened:
                plan.opened += 1
            plan.indexes.append(index)
            plan.classes.append(known)
            plan.slots.append(slot)
            plan.values.append(item.value)
            plan.digests.append(digest)

    def _digest(self, plan: Draft, item: TokeniseItem, known: ItemClass) -> bytes | None:
        """Of the next row's value, where it is to be found by it. Raises InvalidValue."""
        if known.digest is None or known.indexer is None or self.mentioned:
            require_value(known.field_class, item.value)
            return None
        normal = normalise(known.field_class, item.value)
        if item.kind != "deterministic":
            return known.digest(normal)
        digest, *older = known.indexer.digests(normal)
        place = (known.field_class.key, digest)
        plan.wanted[len(plan.indexes)] = (place, normal)
        if item.subject is None:
            plan.anybodys.add(len(plan.indexes))
        for each in older:
            plan.also[place[0], each] = place
        return digest


def _subject_error(subject: bytes, state: bytes | None) -> str | None:
    if not subject:
        return "malformed_token"
    if state is None:
        return "unknown_subject"
    return None if state == ACTIVE else "blocked" if state == BLOCKED else "erased"
