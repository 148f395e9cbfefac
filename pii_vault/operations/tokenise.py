"""Value → token. One transaction holds the values, their keys and the audit record."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.core.classes import normalise
from pii_vault.core.primitives import ValueCipher
from pii_vault.core.tokens import parse_subject, subject_writer
from pii_vault.errors import (
    BudgetExceeded,
    Forbidden,
    IdempotencyConflict,
    InvalidValue,
    MalformedToken,
)
from pii_vault.operations.access import new_entry, refuse, tally
from pii_vault.operations.ciphers import ACTIVE, BLOCKED, load_ciphers
from pii_vault.operations.draft import Draft, ItemClass, item_classes
from pii_vault.operations.items import RETENTION_KEYS, RetentionGroup, TokeniseItem, TokeniseResult
from pii_vault.operations.known import Found, Known, find_equal
from pii_vault.operations.parts import Plan, part_rows
from pii_vault.operations.write import Act, Answer, NewValues, commit, planned
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
) -> list[TokeniseResult]:
    """Tokens for the values, in order; what is wrong with one item does not stop the others.

    Without `subject` each random item opens a subject of its own. A deterministic one finds the token that the
    value has already, whoever has it: a search, so only where the principal may search for this class (`purposes`
    are those it is registered for, None for all), at the cost of its search budget and with a word in the record;
    else it gets a new token. With a subject, a value that belongs to somebody else gets a new token there, and a
    possible duplicate is noted.

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
        vault, principal, tenant_key, RETENTION_KEYS[group], items, classes, request_id, versions.writes, parts
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
    key: str | None = None
    fingerprint: bytes = b""
    charged: bool = False
    write_subject: Callable[[bytes], str] = field(init=False)

    def __post_init__(self) -> None:
        self.write_subject = subject_writer(tenant=self.principal.tenant)

    async def attempt(self) -> list[TokeniseResult]:
        """Raises PlanOutdatedError when the plan no longer holds at the time of writing."""
        repeated = await self._repeated()
        if repeated is not None:
            return repeated
        plan = Draft([_NOTHING] * len(self.items))
        self._read_items(plan, await self._states())
        await self._charge(plan)
        act = Act(self.principal.tenant, self.tenant_key, self.group, self.index_version)
        await self._store(plan, act)
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
            counts=tally(plan.outcomes),
            subjects=plan.subjects,
        )
        await commit(self.vault, entry, act)
        return plan.results

    async def _charge(self, plan: Draft) -> None:
        """Values to be found with whoever has them are searches: counted once, however often the plan is made anew."""
        asked = {
            (place, plan.classes[row].field_class.id)
            for row, (place, _) in plan.wanted.items()
            if plan.classes[row].searched and self.items[plan.indexes[row]].subject is None
        }
        plan.outcomes += [("searched", class_id) for _, class_id in asked]
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
        rows = await store.fetch(self.vault.pool, store.FETCH_ANSWER, self.tenant_key, self._account, self.key)
        if not rows:
            return None
        if rows[0]["fingerprint"] != self.fingerprint:
            raise IdempotencyConflict
        return _answers.decode(rows[0]["answer"])

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
                    normal = normalise(known.field_class, item.value)
                except InvalidValue:
                    error = "invalid_value"
            if error is not None:
                plan.results[index] = TokeniseResult(error=error)
                plan.outcomes.append((error, item.class_id))
                continue
            if subject is not None and subject[:1] == "@":
                slot = labels.setdefault(subject, plan.opened)
            if slot == plan.opened:
                plan.opened += 1
            indexer = known.indexer if known.field_class.indexed else None
            digest = None
            if indexer is not None and item.kind == "deterministic":
                digest, *older = indexer.digests(normal)
                place = (known.field_class.key, digest)
                plan.wanted[len(plan.indexes)] = (place, normal)
                plan.also.update(dict.fromkeys(((place[0], each) for each in older), place))
            elif indexer is not None:
                digest = indexer.digest(normal)
            plan.indexes.append(index)
            plan.classes.append(known)
            plan.slots.append(slot)
            plan.digests.append(digest)
            plan.outcomes.append(("token", item.class_id))

    async def _store(self, plan: Draft, act: Act) -> None:
        """Gives every row its token: the one found, one shared with an equal row, or a new one."""
        if not plan.wanted:
            await self._seal(plan, act, list(range(len(plan.indexes))))
            return
        found = await find_equal(
            self.vault,
            self.principal.tenant,
            self.tenant_key,
            dict(plan.wanted.values()),
            plan.also,
            owners=plan.owners(),
            reusable=self._is_reusable,
        )
        first: dict[tuple[bytes | int | None, tuple[int, bytes]], int] = {}
        fresh: list[int] = []
        shared: list[tuple[int, int]] = []
        for row, slot in enumerate(plan.slots):
            if row not in plan.wanted:
                fresh.append(row)
                continue
            place = plan.wanted[row][0]
            # Without subject and label the value may be found anywhere in the tenant, by who may search for it.
            owner = None if self.items[plan.indexes[row]].subject is None else slot
            hidden = owner is None and not plan.classes[row].searched
            reused = None if hidden else self._reusable(owner, found.values.get(place, ()))
            if reused is not None:
                self._answer(plan, row, reused.token, reused.subject)
                if owner is None:
                    plan.outcomes.append(("found", plan.classes[row].field_class.id))
            elif (owner, place) in first:
                shared.append((row, first[owner, place]))
            else:
                first[owner, place] = row
                fresh.append(row)
        plan.watch(act.guard, fresh, found)
        await self._seal(plan, act, fresh, found)
        for row, leader in shared:
            plan.results[plan.indexes[row]] = plan.results[plan.indexes[leader]]

    def _is_reusable(self, known: Known) -> bool:
        return known.active and known.deterministic and known.retention == self.group

    def _reusable(self, owner: bytes | int | None, equal: Sequence[Known]) -> Known | None:
        for known in equal:
            if (owner is None or known.subject == owner) and self._is_reusable(known):
                return known
        return None

    async def _seal(self, plan: Draft, act: Act, fresh: list[int], found: Found | None = None) -> None:
        """New tokens for these rows, and hints at the others who have a value already."""
        if not fresh:
            return
        ciphers = await self._ciphers(act, [plan.slots[row] for row in fresh])
        owners = [ciphers[plan.slots[row]] for row in fresh]
        new = NewValues(
            subjects=[subject for subject, _ in owners],
            ciphers=[cipher for _, cipher in owners],
            class_keys=[plan.classes[row].field_class.key for row in fresh],
            values=[self.items[plan.indexes[row]].value for row in fresh],
            digests=[plan.digests[row] for row in fresh],
            deterministic=[row in plan.wanted for row in fresh],
        )
        texts = {subject: self.write_subject(subject) for subject in set(new.subjects)}
        plan.subjects |= texts.keys()
        tokens = act.seal(new)
        if self.parts:
            known = [(plan.classes[row].field_class, plan.classes[row].indexer) for row in fresh]
            act.parts += part_rows(self.parts, zip(tokens, known, new.values, strict=True), act)
        for row, token, subject in zip(fresh, tokens, new.subjects, strict=True):
            plan.results[plan.indexes[row]] = TokeniseResult(plan.classes[row].write(token), texts[subject])
        if found is not None:
            self._hint(plan, act, zip(fresh, new.subjects, strict=True), found)

    def _hint(self, plan: Draft, act: Act, rows: Iterable[tuple[int, bytes]], found: Found) -> None:
        for row, subject in rows:
            if row in plan.wanted:
                place = plan.wanted[row][0]
                others = {each.subject for each in found.values.get(place, ()) if each.active} - {subject}
                act.hints += [(subject, other, place[0]) for other in others]

    async def _ciphers(self, act: Act, slots: Sequence[bytes | int]) -> dict[bytes | int, tuple[bytes, ValueCipher]]:
        """Subject and cipher of each slot; keys are made where there are none yet."""
        numbers: list[int] = []
        known: list[bytes] = []
        for slot in dict.fromkeys(slots):
            if isinstance(slot, int):
                numbers.append(slot)
            else:
                known.append(slot)
        ciphers: dict[bytes | int, tuple[bytes, ValueCipher]] = {}
        if known:
            act.guard.hold(known)
            places = [(subject, self.group) for subject in known]
            loaded = await load_ciphers(self.vault, self.principal.tenant, self.tenant_key, places)
            for (subject, _), cipher in loaded.items():
                if cipher is not None:
                    ciphers[subject] = (subject, cipher)
            lacking = [subject for subject in known if subject not in ciphers]
            for subject in lacking:
                act.guard.lock(subject)
            ciphers.update((pair[0], pair) for pair in await act.new_keys(self.vault, lacking))
        made = await act.new_subjects(self.vault, len(numbers))
        ciphers.update(zip(numbers, made, strict=True))
        return ciphers

    def _answer(self, plan: Draft, row: int, token: bytes, subject: bytes) -> None:
        plan.subjects.add(subject)
        plan.results[plan.indexes[row]] = TokeniseResult(plan.classes[row].write(token), self.write_subject(subject))


def _subject_error(subject: bytes, state: bytes | None) -> str | None:
    if not subject:
        return "malformed_token"
    if state is None:
        return "unknown_subject"
    return None if state == ACTIVE else "blocked" if state == BLOCKED else "erased"
