"""Value → token. One transaction holds the values, their keys and the audit record."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.core.blind_index import BlindIndexer
from pii_vault.core.classes import FieldClass, normalise
from pii_vault.core.primitives import ValueCipher
from pii_vault.core.tokens import new_subject_text, new_token_text, parse_subject
from pii_vault.errors import (
    Forbidden,
    IdempotencyConflict,
    InvalidRequest,
    InvalidValue,
    MalformedToken,
)
from pii_vault.operations.access import Counts, count, may_tokenise, new_entry, refuse
from pii_vault.operations.ciphers import ACTIVE, BLOCKED, load_ciphers
from pii_vault.operations.items import RETENTION_KEYS, RetentionGroup, TokeniseItem, TokeniseResult
from pii_vault.operations.known import Found, Known, find_equal
from pii_vault.operations.write import Act, Answer, NewValue, commit, planned
from pii_vault.vault import Vault

_FINGERPRINT = "@idempotency"  # names the key of fingerprints; no field class can be called so
_answers = msgspec.json.Decoder(list[TokeniseResult])


async def tokenise(
    vault: Vault,
    principal: Principal,
    items: Sequence[TokeniseItem],
    *,
    request_id: str,
    idempotency_key: str | None = None,
    group: RetentionGroup = "other",
) -> list[TokeniseResult]:
    """Tokens for the values, in order; what is wrong with one item does not stop the others.

    Without `subject` each random item opens a subject of its own, and a deterministic one finds the token that
    the value has already. With a subject, a value that belongs to somebody else gets a new token there, and a
    possible duplicate is noted.

    Raises:
        Forbidden: the principal may tokenise no class at all.
        UnknownClass: an item names a class that is not registered.
        InvalidRequest: a deterministic token is asked for in a class without an index.
        IdempotencyConflict: the key was used with another request.
        TenantRefused, Busy, AuditUnavailable, StoreUnavailable, KeyServiceUnavailable.
    """
    tenant_key = await vault.tenants.key(principal.tenant)
    if not vault.matrix.purposes_for(principal.roles, "tokenise"):
        await refuse(vault, principal, Forbidden(), verb="tokenise", purpose="", request_id=request_id)
    classes = await _classes(vault, principal, items)
    request = _Request(vault, principal, tenant_key, RETENTION_KEYS[group], items, classes, request_id)
    if idempotency_key is not None:
        indexer = await vault.index_keys.get(principal.tenant, _FINGERPRINT)
        request.key = idempotency_key
        request.fingerprint = indexer.digest(f"{group} {msgspec.json.encode(items).decode()}")
    return await planned(request.attempt)


@dataclass(frozen=True, slots=True)
class _Class:
    field_class: FieldClass
    allowed: bool
    indexer: BlindIndexer | None


async def _classes(vault: Vault, principal: Principal, items: Sequence[TokeniseItem]) -> dict[str, _Class]:
    """The classes of this request, each decided about once."""
    found = {}
    for class_id in {item.class_id for item in items}:
        field_class = vault.classes.get(class_id)
        indexer = await vault.index_keys.get(principal.tenant, class_id) if field_class.indexed else None
        found[class_id] = _Class(field_class, may_tokenise(vault, principal, class_id), indexer)
    for item in items:
        if item.kind == "deterministic" and found[item.class_id].indexer is None:
            raise InvalidRequest(f"{item.class_id}: only an indexed class has deterministic tokens")
    return found


@dataclass(slots=True)
class _Pending:
    """An item that will be stored, or found. `slot` is a known subject, or the number of one to be opened."""

    index: int
    item: TokeniseItem
    field_class: FieldClass
    slot: bytes | int
    alone: bool  # neither subject nor label: the value may be found anywhere in the tenant
    digest: bytes | None
    normal: str


@dataclass(slots=True)
class _Plan:
    """What one attempt works out."""

    results: list[TokeniseResult]
    counts: Counts = field(default_factory=dict)
    pending: list[_Pending] = field(default_factory=list)
    subjects: set[bytes] = field(default_factory=set)
    slots: int = 0


@dataclass(slots=True)
class _Request:
    vault: Vault
    principal: Principal
    tenant_key: int
    group: int
    items: Sequence[TokeniseItem]
    classes: dict[str, _Class]
    request_id: str
    key: str | None = None
    fingerprint: bytes = b""

    async def attempt(self) -> list[TokeniseResult]:
        """Raises PlanOutdatedError when the plan no longer holds at the time of writing."""
        repeated = await self._repeated()
        if repeated is not None:
            return repeated
        plan = _Plan([TokeniseResult()] * len(self.items))
        states = await self._states()
        self._read_items(plan, states)
        act = Act(self.principal.tenant, self.tenant_key, self.group)
        found = await self._find_deterministic(plan, act)
        await self._store(plan, act, found)
        if self.key is not None:
            content = msgspec.json.encode(plan.results)
            act.answer = Answer(self._account, self.key, self.fingerprint, content)
        entry = new_entry(
            self.vault,
            self.principal,
            verb="tokenise",
            purpose="",
            request_id=self.request_id,
            decision="allow" if "token" in plan.counts else "deny",
            counts=plan.counts,
            subjects=plan.subjects,
        )
        await commit(self.vault, entry, act)
        return plan.results

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
        for item in self.items:
            text = item.subject
            if text is not None and text[:1] != "@" and text not in named:
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

    def _read_items(self, plan: _Plan, states: dict[str, tuple[bytes, bytes | None]]) -> None:
        """Each item becomes pending, or gets its error."""
        labels: dict[str, int] = {}
        for index, item in enumerate(self.items):
            known = self.classes[item.class_id]
            error = None if known.allowed else "denied"
            normal = ""
            if error is None:
                try:
                    normal = normalise(known.field_class, item.value)
                except InvalidValue:
                    error = "invalid_value"
            slot: bytes | int = plan.slots
            if error is None and item.subject is not None and item.subject[:1] != "@":
                slot, state = states[item.subject]
                error = _subject_error(slot, state)
            if error is not None:
                plan.results[index] = TokeniseResult(error=error)
                count(plan.counts, error, item.class_id)
                continue
            if item.subject is not None and item.subject[:1] == "@":
                slot = labels.setdefault(item.subject, plan.slots)
            if slot == plan.slots:
                plan.slots += 1
            digest = known.indexer.digest(normal) if known.indexer is not None else None
            plan.pending.append(_Pending(index, item, known.field_class, slot, item.subject is None, digest, normal))

    async def _find_deterministic(self, plan: _Plan, act: Act) -> Found:
        """Values that a deterministic item may find; from here on the act is guarded against new ones."""
        wanted: dict[tuple[int, bytes], str] = {}
        for pending in plan.pending:
            if pending.item.kind == "deterministic" and pending.digest is not None:
                wanted[pending.field_class.key, pending.digest] = pending.normal
        if not wanted:
            return Found()
        found = await find_equal(self.vault, self.principal.tenant, self.tenant_key, wanted)
        act.guard.digests = [digest for _, digest in wanted]
        act.guard.digest_tokens = found.seen
        for digest in act.guard.digests:
            act.guard.lock(digest)
        return found

    async def _store(self, plan: _Plan, act: Act, found: Found) -> None:
        """Gives every pending item its token: the one found, or a new one with its value sealed."""
        fresh: list[list[_Pending]] = []  # items that share one new token
        shared: dict[tuple[bytes | int | None, int, bytes], list[_Pending]] = {}
        for pending in plan.pending:
            if pending.item.kind == "random" or pending.digest is None:
                fresh.append([pending])
                continue
            place = (pending.field_class.key, pending.digest)
            equal = [each for each in found.values.get(place, ()) if each.active]
            reused = self._reusable(pending, equal)
            if reused is not None:
                self._answer(plan, [pending], reused.token, reused.subject)
                continue
            key = (None if pending.alone else pending.slot, *place)
            if key in shared:
                shared[key].append(pending)
            else:
                shared[key] = [pending]
                fresh.append(shared[key])
        await self._seal(plan, act, fresh, found)

    def _reusable(self, pending: _Pending, equal: list[Known]) -> Known | None:
        for known in equal:
            mine = pending.alone or known.subject == pending.slot
            if known.deterministic and known.retention == self.group and mine:
                return known
        return None

    async def _seal(self, plan: _Plan, act: Act, fresh: list[list[_Pending]], found: Found) -> None:
        ciphers = await self._ciphers(act, [group[0].slot for group in fresh])
        values = []
        for group in fresh:
            pending = group[0]
            subject, cipher = ciphers[pending.slot]
            kind = pending.item.kind == "deterministic"
            values.append(NewValue(subject, cipher, pending.field_class, pending.item.value, pending.digest, kind))
            if kind and pending.digest is not None:
                others = found.values.get((pending.field_class.key, pending.digest), ())
                for other in {each.subject for each in others if each.active and each.subject != subject}:
                    act.hints.append((subject, other, pending.field_class.key))
        if not values:
            return
        for group, text, new in zip(fresh, act.seal(values), values, strict=True):
            self._answer(plan, group, text, new.subject)

    async def _ciphers(self, act: Act, slots: list[bytes | int]) -> dict[bytes | int, tuple[bytes, ValueCipher]]:
        """Subject and cipher of each slot; keys are made where there are none yet."""
        known = {slot for slot in slots if isinstance(slot, bytes)}
        numbers = list(dict.fromkeys(slot for slot in slots if isinstance(slot, int)))
        ciphers: dict[bytes | int, tuple[bytes, ValueCipher]] = {}
        if known:
            loaded = await load_ciphers(
                self.vault,
                self.principal.tenant,
                self.tenant_key,
                [(subject, self.group) for subject in known],
            )
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

    def _answer(self, plan: _Plan, group: list[_Pending], token: bytes | str, subject: bytes) -> None:
        tenant = self.principal.tenant
        class_id = group[0].field_class.id
        text = token if isinstance(token, str) else new_token_text(class_id, tenant=tenant, bits=token)
        result = TokeniseResult(token=text, subject=new_subject_text(subject, tenant=tenant))
        plan.subjects.add(subject)
        for pending in group:
            plan.results[pending.index] = result
            count(plan.counts, "token", class_id)


def _subject_error(subject: bytes, state: bytes | None) -> str | None:
    if not subject:
        return "malformed_token"
    if state is None:
        return "unknown_subject"
    return None if state == ACTIVE else "blocked" if state == BLOCKED else "erased"
