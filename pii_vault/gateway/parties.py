"""What a draft's persons and texts need before a transaction is opened: normal forms, keyed hashes, fresh keys."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pii_vault import store
from pii_vault.core.classes import FieldClass, normalise
from pii_vault.gateway.connections import Connection
from pii_vault.gateway.port import Draft, PersonDraft
from pii_vault.keys.service import WrappedKey
from pii_vault.operations.ciphers import key_context
from pii_vault.operations.items import RETENTION_KEYS
from pii_vault.vault import Vault

RETENTION: Final = RETENTION_KEYS["other"]
TEXT: Final = "text"
IDENTITY: Final = ("phone", "email")  # by which a person is recognised


@dataclass(frozen=True, slots=True)
class Value:
    """One value on its way into the vault. `digest` is its blind index, where its class has one."""

    field_class: FieldClass
    text: str = field(repr=False)
    normalised: str = field(repr=False)
    digest: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Fresh:
    """A subject id and its key, ready in case the person turns out to be new."""

    subject: bytes
    dek: bytes = field(repr=False)
    wrapped: WrappedKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Party:
    """A person of the delivery. `identity` is a keyed hash of phone and email: equal while neither changes."""

    values: Sequence[Value]
    identity: bytes = field(repr=False)
    fresh: Fresh

    def digest(self, class_id: str) -> bytes | None:
        return next((value.digest for value in self.values if value.field_class.id == class_id), None)


@dataclass(frozen=True, slots=True)
class Text:
    """The note or the rest, with a keyed hash by which an unchanged one is recognised."""

    value: Value
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Parties:
    """`owner` is whom the texts belong to: the contact, or a subject of the order's own where it names nobody."""

    owner: Party
    contact: Party | None
    recipient: Party | None
    note: Text | None
    rest: Text | None

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
        found = [party.digest(class_id) for party in self.people() for class_id in IDENTITY]
        return [digest for digest in found if digest is not None]

    def identity_classes(self) -> set[str]:
        """The classes by which somebody is looked up."""
        return {class_id for class_id in IDENTITY for party in self.people() if party.digest(class_id) is not None}


async def prepare(vault: Vault, connection: Connection, draft: Draft) -> Parties:
    """Normalises and hashes the draft's values and makes a key for each person, in case they are new.

    Raises:
        KeyServiceUnavailable: nothing is taken without keys.
    """
    tenant = connection.tenant
    subjects = store.new_ids(2 if draft.recipient else 1)
    contexts = [key_context(subject, RETENTION) for subject in subjects]
    made = await vault.keys.generate(tenant, contexts)
    fresh = [Fresh(subject, dek, wrapped) for subject, (dek, wrapped) in zip(subjects, made, strict=True)]
    owner = await _party(vault, tenant, draft.contact.values if draft.contact else {}, fresh[0])
    recipient = None
    if draft.recipient is not None:
        recipient = await _party(vault, tenant, _without_shared(draft), fresh[1])
    return Parties(
        owner=owner,
        contact=owner if draft.contact is not None else None,
        recipient=recipient,
        note=await _text(vault, tenant, "note", draft.note),
        rest=await _text(vault, tenant, "rest", draft.rest),
    )


def _without_shared(draft: Draft) -> Mapping[str, Sequence[str]]:
    """The recipient's values but the buyer's own phone: it would make two persons of one number."""
    recipient, contact = draft.recipient or PersonDraft({}), draft.contact or PersonDraft({})
    shared = {class_id for class_id in IDENTITY if recipient.first(class_id) == contact.first(class_id)}
    return {class_id: values for class_id, values in recipient.values.items() if class_id not in shared}


async def _party(vault: Vault, tenant: str, drafted: Mapping[str, Sequence[str]], fresh: Fresh) -> Party:
    values = [
        await _value(vault, tenant, vault.classes.get(class_id), text)
        for class_id, texts in drafted.items()
        for text in texts
    ]
    known = {value.field_class.id: value.normalised for value in values}
    indexer = await vault.index_keys.get(tenant, "phone")
    identity = indexer.digest(f"identity\0{known.get('phone', '')}\0{known.get('email', '')}")
    return Party(values, identity, fresh)


async def _value(vault: Vault, tenant: str, field_class: FieldClass, text: str) -> Value:
    normalised = normalise(field_class, text)
    digest = None
    if field_class.indexed:
        digest = (await vault.index_keys.get(tenant, field_class.id)).digest(normalised)
    return Value(field_class, text, normalised, digest)


async def _text(vault: Vault, tenant: str, role: str, text: str | None) -> Text | None:
    if text is None:
        return None
    indexer = await vault.index_keys.get(tenant, TEXT)
    value = Value(vault.classes.get(TEXT), text, text, None)
    return Text(value, indexer.digest(f"{role}\0{text}"))
