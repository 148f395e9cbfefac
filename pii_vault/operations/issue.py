"""Gives every row of a draft its token: the one found, one shared with an equal row, or a new one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pii_vault.access.principal import Principal
from pii_vault.core.primitives import ValueCipher
from pii_vault.core.token_batches import batch_writer
from pii_vault.operations.ciphers import load_ciphers
from pii_vault.operations.draft import Draft, spelled
from pii_vault.operations.items import TokeniseResult
from pii_vault.operations.known import Found, Known, find_equal
from pii_vault.operations.parts import Plan, part_rows
from pii_vault.operations.write import Act, NewValues
from pii_vault.vault import Vault

Owner = tuple[bytes, ValueCipher]  # a subject and its cipher


@dataclass(slots=True)
class Issue:
    """Of one draft, whose results and subjects it completes, into one act."""

    vault: Vault
    principal: Principal
    tenant_key: int
    parts: Plan
    plan: Draft
    act: Act
    mentioned: bool = False  # values that a text only mentions: found by nothing

    async def run(self) -> None:
        """Raises StoreUnavailable, KeyServiceUnavailable."""
        plan = self.plan
        if not plan.wanted:
            await self._seal(range(len(plan.indexes)))
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
        again, fresh, shared = self._sort(found)
        if again:
            known = again.values()
            self._answer(list(again), [each.token for each in known], [each.subject for each in known])
            classes = [plan.classes[row].field_class.id for row in again if row in plan.anybodys]
            plan.outcomes.update([("found", class_id) for class_id in classes])
        plan.watch(self.act.guard, fresh, found)
        await self._seal(fresh, found)
        for row, leader in shared:
            plan.results[plan.indexes[row]] = plan.results[plan.indexes[leader]]

    def _sort(self, found: Found) -> tuple[dict[int, Known], list[int], list[tuple[int, int]]]:
        """Rows that get a stored token, rows that get a new one, and (row, leader) where equal rows share one."""
        plan = self.plan
        first: dict[tuple[bytes | int | None, tuple[int, bytes]], int] = {}
        again: dict[int, Known] = {}
        fresh: list[int] = []
        shared: list[tuple[int, int]] = []
        for row, slot in enumerate(plan.slots):
            if row not in plan.wanted:
                fresh.append(row)
                continue
            place = plan.wanted[row][0]
            # Without subject and label the value may be found anywhere in the tenant, by who may search for it.
            owner = None if row in plan.anybodys else slot
            equal = found.values.get(place)
            hidden = owner is None and not plan.classes[row].searched
            reused = None if equal is None or hidden else self._reusable(owner, equal)
            if reused is not None:
                again[row] = reused
            elif (owner, place) in first:
                shared.append((row, first[owner, place]))
            else:
                first[owner, place] = row
                fresh.append(row)
        return again, fresh, shared

    def _is_reusable(self, known: Known) -> bool:
        return known.deterministic and known.retention == self.act.group and known.active

    def _reusable(self, owner: bytes | int | None, equal: Sequence[Known]) -> Known | None:
        for known in equal:
            if (owner is None or known.subject == owner) and self._is_reusable(known):
                return known
        return None

    async def _seal(self, fresh: Sequence[int], found: Found | None = None) -> None:
        """New tokens for these rows, and hints at the others who have a value already."""
        if not fresh:
            return
        rows = self.plan.only(fresh)
        ciphers = await self._ciphers(rows.slots)
        owners = [ciphers[slot] for slot in rows.slots]
        new = NewValues(
            subjects=[subject for subject, _ in owners],
            ciphers=[cipher for _, cipher in owners],
            class_keys=[known.field_class.key for known in rows.classes],
            values=rows.values,
            digests=rows.digests,
            deterministic=[row in self.plan.wanted for row in fresh],
        )
        tokens = self.act.seal(new)
        if self.mentioned:
            self.act.mentions += tokens
        elif self.parts:
            known = [(each.field_class, each.indexer) for each in rows.classes]
            self.act.parts += part_rows(self.parts, zip(tokens, known, new.values, strict=True), self.act)
        self._answer(fresh, tokens, new.subjects)
        if found is not None:
            self._hint(zip(fresh, new.subjects, strict=True), found)

    def _hint(self, rows: Iterable[tuple[int, bytes]], found: Found) -> None:
        for row, subject in rows:
            if row in self.plan.wanted:
                place = self.plan.wanted[row][0]
                others = {each.subject for each in found.values.get(place, ()) if each.active} - {subject}
                self.act.hints += [(subject, other, place[0]) for other in others]

    async def _ciphers(self, slots: Sequence[bytes | int]) -> dict[bytes | int, Owner]:
        """Subject and cipher of each slot; keys are made where there are none yet."""
        numbers: list[int] = []
        known: list[bytes] = []
        for slot in dict.fromkeys(slots):
            if isinstance(slot, int):
                numbers.append(slot)
            else:
                known.append(slot)
        ciphers: dict[bytes | int, Owner] = {}
        if known:
            ciphers.update((owner[0], owner) for owner in await self._known_owners(known))
        made = await self.act.new_subjects(self.vault, len(numbers))
        ciphers.update(zip(numbers, made, strict=True))
        return ciphers

    async def _known_owners(self, subjects: Sequence[bytes]) -> list[Owner]:
        """Of subjects who exist already, who are held until the act is written."""
        act = self.act
        act.guard.hold(subjects)
        places = [(subject, act.group) for subject in subjects]
        loaded = await load_ciphers(self.vault, self.principal.tenant, self.tenant_key, places)
        held = {subject: cipher for (subject, _), cipher in loaded.items() if cipher is not None}
        lacking = [subject for subject in subjects if subject not in held]
        for subject in lacking:
            act.guard.lock(subject)
        return [*held.items(), *await act.new_keys(self.vault, lacking)]

    def _answer(self, rows: Sequence[int], tokens: Sequence[bytes], subjects: Sequence[bytes]) -> None:
        plan = self.plan
        distinct = list(dict.fromkeys(subjects))
        names = dict(zip(distinct, batch_writer("sub_", tenant=self.principal.tenant)(distinct), strict=True))
        plan.subjects.update(distinct)
        texts = spelled([plan.classes[row] for row in rows], tokens)
        for row, text, subject in zip(rows, texts, subjects, strict=True):
            plan.results[plan.indexes[row]] = TokeniseResult(text, names[subject])
