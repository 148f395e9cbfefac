"""Puts a delivery's persons and texts into the vault, within the transaction of the delivery."""

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Final

import asyncpg

from pii_vault import store
from pii_vault.core.envelope import seal, value_aad
from pii_vault.core.primitives import ValueCipher
from pii_vault.core.tokens import new_subject_text, new_token_text
from pii_vault.gateway.connections import Connection
from pii_vault.gateway.inner import Inner
from pii_vault.gateway.matching import Candidate, gather, match
from pii_vault.gateway.parties import Parties, Party, Text, Value
from pii_vault.gateway.store import ObjectState
from pii_vault.keys.service import WrappedKey
from pii_vault.operations.ciphers import Place, open_row
from pii_vault.operations.parts import PartRow, insert_parts
from pii_vault.vault import Vault

PERSON_CLASSES: Final = ("name", "phone", "email", "address")

FETCH_KNOWN: Final = """
SELECT v.token, s.id AS subject, v.class_key, v.retention, s.state, v.ciphertext, v.digest
FROM subject s
LEFT JOIN pii_value v ON v.subject = s.id AND v.class_key = ANY($4::smallint[])
    AND NOT EXISTS (SELECT FROM mention m WHERE m.token = v.token)
WHERE s.tenant_key = $1 AND s.id IN (
    SELECT subject FROM pii_value WHERE digest = ANY($2::uuid[]) AND tenant_key = $1
    UNION ALL SELECT unnest($3::uuid[])
)
ORDER BY s.created, s.id, v.created, v.token
LIMIT 2000  -- a phone that a shop types for everybody must not fetch the whole table
"""


# Whose processing ended by an erasure: an order that names them goes on without them, however often the shop sends it.
FETCH_ERASED: Final = """
SELECT DISTINCT subject FROM erasure WHERE subject = ANY($1::uuid[]) AND tenant_key = $2
"""


class KeysMissing(Exception):
    """These keys are not at hand: open them, or make those that are not there yet, then run the act again."""

    def __init__(self, places: Sequence[Place]) -> None:
        super().__init__(f"{len(places)} keys")
        self.places = places


class PersonChanged(Exception):
    """Somebody blocked or erased one of the persons meanwhile: run the act again."""


@dataclass(slots=True)
class HeldKeys:
    """Keys that were opened or made for one delivery, outside its transaction."""

    ciphers: dict[Place, ValueCipher] = field(default_factory=dict, repr=False)
    made: dict[Place, WrappedKey] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Placed:
    """A person as the event names them: a subject and tokens by class."""

    subject: bytes
    tokens: Mapping[str, Sequence[str]]

    def as_event(self, tenant: str) -> dict[str, object]:
        return {"subject": new_subject_text(self.subject, tenant=tenant), "tokens": self.tokens}


@dataclass(slots=True)
class Deposited:
    """What the vault now holds of the delivery, and the object's state that follows from it."""

    contact: Placed | None
    recipient: Placed | None
    note_token: str | None
    rest_token: str | None
    subjects: list[bytes]
    counts: Counter[str]
    note_mixed: str | None = field(default=None, repr=False)  # the note with tokens in place, where it may cross


@dataclass(slots=True)
class _Columns:
    subjects: list[bytes] = field(default_factory=list)
    keys: list[tuple[Place, WrappedKey]] = field(default_factory=list)
    values: list[tuple[bytes, bytes, Value, bytes]] = field(default_factory=list, repr=False)
    hints: list[tuple[bytes, bytes, int]] = field(default_factory=list)
    mentions: list[bytes] = field(default_factory=list)


class Depositor:
    """One delivery's way into the vault. Its effects are on the connection only, so it may be run again."""

    def __init__(
        self,
        vault: Vault,
        acquired: asyncpg.Connection,
        connection: Connection,
        state: ObjectState,
        *,
        unusable: AbstractSet[bytes],
        held: HeldKeys,
    ) -> None:
        self._vault = vault
        self._acquired = acquired
        self._connection = connection
        self._state = state
        self._unusable = unusable
        self._held = held
        self._columns = _Columns()
        self._counts: Counter[str] = Counter()
        self._ciphers: dict[Place, ValueCipher] = {}
        self._needed: set[Place] = set()
        self._erased: set[bytes] = set()
        self._index_version = 0

    async def deposit(self, parties: Parties) -> Deposited:
        """Matches the persons, stores what is new and brings the object's state up to date."""
        state = self._state
        self._index_version = parties.index_version
        candidates = await self._candidates(parties)
        parties = await self._without_erased(parties, candidates)
        owner, owner_row = self._settle(parties.owner, candidates, (state.contact, state.contact_digest))
        recipient, recipient_row = b"", None
        if parties.recipient is not None:
            before = (state.recipient, state.recipient_digest)
            recipient, recipient_row = self._settle(parties.recipient, candidates, before)
        texts = {text.value.group for text in (parties.note, parties.rest) if text is not None}
        if owner_row is not None:
            self._need(owner, parties.owner.groups | texts)
        if parties.recipient is not None and recipient_row is not None:
            self._need(recipient, parties.recipient.groups)
        self._take_ciphers()
        contact = self._place(parties.owner, owner, owner_row)
        received = self._place(parties.recipient, recipient, recipient_row) if parties.recipient else None
        same_owner = state.contact == owner
        note = self._text(parties.note, owner, state.note_token if same_owner else None, state.note_digest)
        rest = self._text(parties.rest, owner, state.rest_token if same_owner else None, state.rest_digest)
        inner = self._inner(parties.note, owner, note)
        await self._insert(known=[row.subject for row in (owner_row, recipient_row) if row is not None])
        state.contact, state.contact_digest = owner, self._identity(parties.owner, owner)
        state.recipient = recipient or None
        state.recipient_digest = self._identity(parties.recipient, recipient) if parties.recipient else None
        state.note_token, state.note_digest = note, parties.note.digest if parties.note else None
        state.rest_token, state.rest_digest = rest, parties.rest.digest if parties.rest else None
        state.note_inner = None if inner is None else inner.stored()
        subjects = [owner] if received is None else [owner, recipient]
        mixed = inner.mixed(parties.note) if inner is not None and parties.note is not None else None
        placed = contact if parties.contact is not None else None
        return Deposited(placed, received, note, rest, subjects, self._counts, mixed)

    async def _candidates(self, parties: Parties) -> dict[bytes, Candidate]:
        digests = parties.identity_digests()
        before = [subject for subject in (self._state.contact, self._state.recipient) if subject is not None]
        if not digests and not before:
            return {}
        keys = [self._vault.classes.get(class_id).key for class_id in PERSON_CLASSES]
        rows = await self._acquired.fetch(FETCH_KNOWN, self._connection.tenant_key, digests, before, keys)
        return gather(rows, unusable=self._unusable)

    async def _without_erased(self, parties: Parties, candidates: Mapping[bytes, Candidate]) -> Parties:
        """The delivery without the persons whom this object names and who were erased since, and their texts."""
        state = self._state
        absent = [each for each in (state.contact, state.recipient) if each is not None and each not in candidates]
        if not absent:
            return parties
        rows = await self._acquired.fetch(FETCH_ERASED, absent, self._connection.tenant_key)
        self._erased = {row[0] for row in rows}
        if state.contact in self._erased:
            parties = replace(parties, owner=parties.owner.nobody(), note=None, rest=None)
        if parties.recipient is not None and state.recipient in self._erased:
            parties = replace(parties, recipient=parties.recipient.nobody())
        return parties

    def _settle(
        self,
        party: Party,
        candidates: Mapping[bytes, Candidate],
        before: tuple[bytes | None, bytes | None],
    ) -> tuple[bytes, Candidate | None]:
        if before[0] is not None and before[0] in self._erased:
            return before[0], None
        class_keys = (self._vault.classes.get("phone").key, self._vault.classes.get("email").key)
        found = match(party, candidates, class_keys=class_keys, before=before)
        if found.candidate is not None:
            return found.candidate.subject, found.candidate
        fresh = party.fresh
        self._columns.subjects.append(fresh.subject)
        self._columns.hints.extend((fresh.subject, other, class_key) for other, class_key in found.duplicates)
        for group, key in fresh.keys.items():
            self._columns.keys.append(((fresh.subject, group), key.wrapped))
            self._ciphers[fresh.subject, group] = self._vault.deks.put(fresh.subject, group, key.dek)
        return fresh.subject, None

    def _need(self, subject: bytes, groups: AbstractSet[int]) -> None:
        self._needed |= {(subject, group) for group in groups}

    def _take_ciphers(self) -> None:
        """Raises KeysMissing: the key service must not be waited for inside a transaction."""
        missing = []
        for place in sorted(self._needed):
            cipher = self._held.ciphers.get(place) or self._vault.deks.get(*place)
            if cipher is None:
                missing.append(place)
                continue
            self._ciphers[place] = cipher
            if place in self._held.made:
                self._columns.keys.append((place, self._held.made[place]))
        if missing:
            raise KeysMissing(missing)

    def _place(self, party: Party, subject: bytes, known: Candidate | None) -> Placed:
        tokens: dict[str, list[str]] = {}
        for value in party.values:
            bits = self._known_token(value, subject, known) or self._seal(value, subject)
            field_class = value.field_class
            text = new_token_text(field_class.id, tenant=self._connection.tenant, bits=bits)
            if text not in (mine := tokens.setdefault(field_class.id, [])):
                mine.append(text)
        return Placed(subject, tokens)

    def _known_token(self, value: Value, subject: bytes, known: Candidate | None) -> bytes | None:
        """The token that this subject's equal value already has."""
        for row in known.rows if known is not None else ():
            if row["class_key"] != value.field_class.key or row["retention"] != value.group:
                continue
            if value.digests:
                if row["digest"] in value.digests:
                    return bytes(row["token"])
                continue
            cipher = self._ciphers[subject, value.group]
            if open_row(cipher, row, tenant_key=self._connection.tenant_key) == value.text:
                return bytes(row["token"])
        return None

    def _seal(self, value: Value, subject: bytes) -> bytes:
        [bits] = store.new_ids(1)
        aad = value_aad(
            tenant_key=self._connection.tenant_key,
            subject=subject,
            class_key=value.field_class.key,
            token=bits,
        )
        sealed = seal(self._ciphers[subject, value.group], value.text.encode(), aad=aad)
        self._columns.values.append((bits, subject, value, sealed))
        self._counts[value.field_class.id] += 1
        return bits

    def _identity(self, party: Party, subject: bytes) -> bytes | None:
        """By which the same person is recognised next time; nothing that follows from an erased one's data is kept."""
        return None if subject in self._erased else party.identity

    def _text(self, text: Text | None, owner: bytes, token: str | None, digest: bytes | None) -> str | None:
        if text is None:
            return None
        if token is not None and digest in text.digests:
            return token
        bits = self._seal(text.value, owner)
        return new_token_text(text.value.field_class.id, tenant=self._connection.tenant, bits=bits)

    def _inner(self, note: Text | None, owner: bytes, token: str | None) -> Inner | None:
        """The tokens inside the note: those it has, while it is the same note, or new ones."""
        if note is None or token is None:
            return None
        known = Inner.of(self._state.note_inner, token)
        if known is not None or not note.mentions:
            return known
        tenant, places = self._connection.tenant, []
        for each in note.mentions:
            bits = self._seal(each.value, owner)
            self._columns.mentions.append(bits)
            inside = new_token_text(each.value.field_class.id, tenant=tenant, bits=bits)
            places.append((each.start, each.end, inside))
        return Inner(token, places)

    async def _insert(self, *, known: Sequence[bytes]) -> None:
        """Raises PersonChanged."""
        columns, tenant_key = self._columns, self._connection.tenant_key
        if columns.values and known:
            persons = set(known)
            if await self._acquired.fetchval(store.HOLD_ACTIVE, list(persons), tenant_key) < len(persons):
                raise PersonChanged
        groups = {place[1] for place, _ in columns.keys} | {value.group for _, _, value, _ in columns.values}
        for group in sorted(groups):
            await store.insert_batch(self._acquired, self._batch(group, subjects=group == min(groups)))
        parts = [
            PartRow(bits, tenant_key, value.field_class.key, self._index_version, list(value.places))
            for bits, _, value, _ in columns.values
            if value.places
        ]
        if parts:
            await insert_parts(self._acquired, parts)
        if columns.mentions:
            await self._acquired.execute(store.INSERT_MENTIONS, tenant_key, columns.mentions)
        if columns.hints:
            subjects, others, classes = (list(column) for column in zip(*columns.hints, strict=True))
            await self._acquired.execute(store.INSERT_HINTS, tenant_key, subjects, others, classes)

    def _batch(self, group: int, *, subjects: bool) -> store.Batch:
        """What is written in one retention group; `subjects` in the first."""
        keys = [(place[0], key) for place, key in self._columns.keys if place[1] == group]
        values = [each for each in self._columns.values if each[2].group == group]
        return store.Batch(
            tenant_key=self._connection.tenant_key,
            retention=group,
            subjects=self._columns.subjects if subjects else [],
            key_subjects=[subject for subject, _ in keys],
            kek_versions=[key.kek_version for _, key in keys],
            wrapped=[key.blob for _, key in keys],
            index_version=self._index_version,
            tokens=[bits for bits, _, _, _ in values],
            value_subjects=[subject for _, subject, _, _ in values],
            digests=[value.digest for _, _, value, _ in values],
            class_keys=[value.field_class.key for _, _, value, _ in values],
            deterministic=[value.digest is not None for _, _, value, _ in values],
            ciphertexts=[sealed for _, _, _, sealed in values],
        )
