"""What a draft's persons and texts need before a transaction is opened: normal forms, keyed hashes, fresh keys."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Final

from pii_vault.core.classes import FieldClass, normalise
from pii_vault.gateway.connections import Connection
from pii_vault.gateway.port import Draft, PersonDraft
from pii_vault.keys.ready import FreshKey
from pii_vault.keys.versions import IndexVersions
from pii_vault.operations.ciphers import key_context
from pii_vault.operations.parts import places_in
from pii_vault.rights.retention import OTHER, STATUTORY
from pii_vault.vault import Vault

TEXT: Final = "text"
IDENTITY: Final = ("phone", "email")  # by which a person is recognised


@dataclass(frozen=True, slots=True)
class Value:
    """One value on its way into the vault.

    `digests` are its blind indexes, where its class has one: first the one that is written, then those of other
    versions of the key under which it may stand already.
    """

    field_class: FieldClass
    text: str = field(repr=False)
    normalised: str = field(repr=False)
    digests: tuple[bytes, ...] = field(repr=False)
    group: int = OTHER  # the retention group
    places: Sequence[int] = field(default=(), repr=False)  # of its parts: see operations/parts.py

    @property
    def digest(self) -> bytes | None:
        return self.digests[0] if self.digests else None


@dataclass(frozen=True, slots=True)
class Fresh:
    """A subject id and its keys by retention group, ready in case the person turns out to be new."""

    subject: bytes
    keys: Mapping[int, FreshKey] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Party:
    """A person of the delivery. `identities` are keyed hashes of phone and email, one a version: none of another."""

    values: Sequence[Value]
    identities: tuple[bytes, ...] = field(repr=False)
    fresh: Fresh

    @property
    def identity(self) -> bytes:
        return self.identities[0]

    def nobody(self) -> "Party":
        """The party without the person."""
        return replace(self, values=[])

    @property
    def groups(self) -> set[int]:
        return {value.group for value in self.values}

    def digests(self, class_id: str) -> tuple[bytes, ...]:
        return next((value.digests for value in self.values if value.field_class.id == class_id), ())


@dataclass(frozen=True, slots=True)
class Mention:
    """What stands in a text from `start` to `end`, in characters."""

    start: int
    end: int
    value: Value


@dataclass(frozen=True, slots=True)
class Text:
    """The note or the rest, with keyed hashes, one a version, by which an unchanged one is recognised.

    `crosses`: the officer let its classified form cross; `mentions` is what was found in it, None when nobody looked.
    """

    value: Value
    digests: tuple[bytes, ...] = field(repr=False)
    crosses: bool = False
    mentions: tuple[Mention, ...] | None = None

    @property
    def digest(self) -> bytes:
        return self.digests[0]


@dataclass(frozen=True, slots=True)
class Parties:
    """`owner` is whom the texts belong to: the contact, or a subject of the order's own where it names nobody."""

    owner: Party
    contact: Party | None
    recipient: Party | None
    note: Text | None
    rest: Text | None
    index_version: int

    def people(self) -> Iterator[Party]:
        yield self.owner
        if self.recipient is not None:
            yield self.recipient

    def values(self) -> Iterator[Value]:
        for party in self.people():
            yield from party.values
        for text in (self.note, self.rest):
            if text is not None:
                yield text.value

    def identity_digests(self) -> list[bytes]:
        """Blind indexes of the phones and emails by which persons are matched."""
        return [each for party in self.people() for class_id in IDENTITY for each in party.digests(class_id)]

    def identity_classes(self) -> set[str]:
        """The classes by which somebody is looked up."""
        return {class_id for class_id in IDENTITY for party in self.people() if party.digests(class_id)}


async def prepare(vault: Vault, connection: Connection, draft: Draft) -> Parties:
    """Normalises and hashes the draft's values and makes a key for each person, in case they are new.

    Raises:
        KeyServiceUnavailable: nothing is taken without keys.
    """
    tenant = connection.tenant
    made = await vault.ready.take(tenant, OTHER, 2 if draft.recipient else 1)
    fresh = [Fresh(key.subject, {OTHER: key}) for key in made]
    versions = await vault.tenants.index_versions(tenant)
    bought = draft.contact.values if draft.contact else {}
    kept = vault.retention.buyer_statutory
    owner = await _party(vault, versions, tenant, bought, await _with_keys(vault, tenant, fresh[0], kept & set(bought)))
    owner = replace(owner, values=[replace(each, group=_group(vault, each)) for each in owner.values])
    recipient = None
    if draft.recipient is not None:
        recipient = await _party(vault, versions, tenant, _without_shared(draft), fresh[1])
    return Parties(
        owner=owner,
        contact=owner if draft.contact is not None else None,
        recipient=recipient,
        note=await _text(vault, versions, tenant, "note", draft.note),
        rest=await _text(vault, versions, tenant, "rest", draft.rest),
        index_version=versions.writes,
    )


def _group(vault: Vault, value: Value) -> int:
    return vault.retention.buyer_group(value.field_class.id)


async def _with_keys(vault: Vault, tenant: str, fresh: Fresh, kept: AbstractSet[str]) -> Fresh:
    """With a key for the requisites that the law makes the shop keep, where the order has some."""
    if not kept:
        return fresh
    [(dek, wrapped)] = await vault.keys.generate(tenant, [key_context(fresh.subject, STATUTORY)])
    return Fresh(fresh.subject, {**fresh.keys, STATUTORY: FreshKey(fresh.subject, dek, wrapped)})


def _without_shared(draft: Draft) -> Mapping[str, Sequence[str]]:
    """The recipient's values but the buyer's own phone: it would make two persons of one number."""
    recipient, contact = draft.recipient or PersonDraft({}), draft.contact or PersonDraft({})
    shared = {class_id for class_id in IDENTITY if recipient.first(class_id) == contact.first(class_id)}
    return {class_id: values for class_id, values in recipient.values.items() if class_id not in shared}


async def _party(
    vault: Vault, versions: IndexVersions, tenant: str, drafted: Mapping[str, Sequence[str]], fresh: Fresh
) -> Party:
    values = [
        await _value(vault, versions, tenant, vault.classes.get(class_id), text)
        for class_id, texts in drafted.items()
        for text in texts
    ]
    known = {value.field_class.id: value.normalised for value in values}
    indexer = await vault.index_keys.get(tenant, "phone", versions)
    identities = indexer.digests(f"identity\0{known.get('phone', '')}\0{known.get('email', '')}")
    return Party(values, identities, fresh)


async def _value(vault: Vault, versions: IndexVersions, tenant: str, field_class: FieldClass, text: str) -> Value:
    normalised = normalise(field_class, text)
    digests: tuple[bytes, ...] = ()
    if field_class.indexed:
        digests = (await vault.index_keys.get(tenant, field_class.id, versions)).digests(normalised)
    places = await places_in(vault, tenant, field_class, text, versions=versions)
    return Value(field_class, text, normalised, digests, places=places)


async def _text(vault: Vault, versions: IndexVersions, tenant: str, role: str, text: str | None) -> Text | None:
    if text is None:
        return None
    indexer = await vault.index_keys.get(tenant, TEXT, versions)
    value = Value(vault.classes.get(TEXT), text, text, ())
    return Text(value, indexer.digests(f"{role}\0{text}"))
