"""The persons of an order: one contact per subject, and the order's own copy of their tokens.

What staff corrected by hand stays and stands first; what the shop sent is replaced by what it sends now.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from app.intake import repository
from app.intake.batch import Batch, Row
from app.intake.repository import TokenRow
from app.intake.schemas import OrderData, Party
from app.models.order import CONTACT, RECIPIENT
from pii_vault.client import new_id


@dataclass(frozen=True, slots=True)
class Change:
    """What to do so that the shop's tokens become `wanted`."""

    gone: tuple[str, ...]
    fresh: tuple[tuple[str, str, int], ...]  # class, token, position

    @property
    def needed(self) -> bool:
        return bool(self.gone or self.fresh)

    def rows(self) -> Iterator[Row]:
        """What is fresh, as columns of a row."""
        for class_id, token, position in self.fresh:
            yield {"class_id": class_id, "token": token, "position": position}


def reconcile(stored: Sequence[TokenRow], wanted: Mapping[str, Sequence[str]], *, whole: bool) -> Change:
    """Pure. With `whole` also classes that are not wanted lose their shop tokens; without, they keep them."""
    kept_by_hand = {row.token for row in stored if row.origin == "staff"}
    target = [
        (class_id, token, position)
        for class_id, tokens in wanted.items()
        for position, token in enumerate(dict.fromkeys(tokens))
        if token not in kept_by_hand
    ]
    from_shop = [row for row in stored if row.origin == "shop" and (whole or row.class_id in wanted)]
    if [(row.class_id, row.token) for row in sorted(from_shop, key=lambda row: row.class_id)] == [
        (class_id, token) for class_id, token, _ in sorted(target, key=lambda entry: entry[0])
    ]:
        return Change((), ())
    return Change(tuple(row.token for row in from_shop), tuple(target))


@dataclass(frozen=True, slots=True)
class Persons:
    """Ids of the contacts of an order."""

    contact_id: str | None
    recipient_id: str | None


def subjects_of(data: OrderData | None) -> list[str]:
    """The persons of an order, each once, in one order for everybody."""
    parties = (data.contact, data.recipient) if data is not None else ()
    return sorted({party.subject for party in parties if party is not None})


def without_erased(data: OrderData, erased: Mapping[str, Sequence[str]]) -> OrderData:
    """Pure. The order as it may be stored: an erased person brings no token but those that are kept.

    The texts of an order belong to who ordered, and go with that person.
    """
    if not erased:
        return data

    def left(party: Party | None) -> Party | None:
        if party is None or party.subject not in erased:
            return party
        kept = set(erased[party.subject])
        return Party(
            subject=party.subject,
            tokens={
                class_id: staying
                for class_id, tokens in party.tokens.items()
                if (staying := [token for token in tokens if token in kept])
            },
        )

    changed = msgspec.structs.replace(data, contact=left(data.contact), recipient=left(data.recipient))
    if data.contact is not None and data.contact.subject in erased:
        changed = msgspec.structs.replace(changed, note_token=None, rest_token=None, note_mixed=None)
    return changed


async def store_contacts(
    session: AsyncSession,
    batch: Batch,
    tenant: str,
    data: OrderData,
    *,
    known: Mapping[str, str],
    new_order: bool,
    at: datetime,
) -> Persons:
    """The contacts of the order's persons, made or brought up to date; `known`: subject → contact that is here."""
    wanted: dict[str, dict[str, list[str]]] = {subject: {} for subject in subjects_of(data)}
    for party in (data.contact, data.recipient):
        if party is not None:
            for class_id, tokens in party.tokens.items():
                wanted[party.subject].setdefault(class_id, []).extend(tokens)
    ids = {subject: known.get(subject) or new_id("cnt") for subject in wanted}
    stored = await repository.contact_tokens(session, sorted(known.values())) if known else {}
    touched: list[str] = []
    for subject, contact_id in ids.items():
        change = reconcile(stored.get(contact_id, ()), wanted[subject], whole=False)
        if change.gone:
            await repository.drop_contact_tokens(session, contact_id, change.gone)
        base: Row = {"tenant_id": tenant, "contact_id": contact_id, "origin": "shop"}
        batch.add("contact_token", *(base | fresh for fresh in change.rows()))
        if subject not in known:
            batch.add("contact", _new_contact(tenant, contact_id, subject, at=at))
        elif change.needed or new_order:
            touched.append(contact_id)
    if touched:
        await repository.touch_contacts(session, touched, at=at)
    return Persons(_id_of(data.contact, ids), _id_of(data.recipient, ids))


def _id_of(party: Party | None, ids: Mapping[str, str]) -> str | None:
    return None if party is None else ids[party.subject]


def _new_contact(tenant: str, contact_id: str, subject: str, *, at: datetime) -> Row:
    return {
        "tenant_id": tenant,
        "id": contact_id,
        "subject": subject,
        "version": 1,
        "created_at": at,
        "updated_at": at,
    }


async def store_order_tokens(
    session: AsyncSession, batch: Batch, tenant: str, order_id: str, data: OrderData, *, new_order: bool
) -> None:
    """The order's own copy of its persons' tokens."""
    stored = {} if new_order else await repository.order_tokens(session, order_id)
    for name, party in ((CONTACT, data.contact), (RECIPIENT, data.recipient)):
        change = reconcile(stored.get(name, ()), party.tokens if party else {}, whole=True)
        if change.gone:
            await repository.drop_order_tokens(session, order_id, name, change.gone)
        base: Row = {"tenant_id": tenant, "order_id": order_id, "party": name, "origin": "shop"}
        batch.add("order_token", *(base | fresh for fresh in change.rows()))
