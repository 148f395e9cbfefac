"""The persons of an order: one contact per subject, and the order's own copy of their tokens.

What staff corrected by hand stays and stands first; what the shop sent is replaced by what it sends now.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.intake import repository
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


async def store_contacts(
    session: AsyncSession, tenant: str, data: OrderData, *, new_order: bool, at: datetime
) -> Persons:
    """The contacts of the order's persons, made or brought up to date."""
    wanted: dict[str, dict[str, list[str]]] = {}
    for party in (data.contact, data.recipient):
        if party is not None:
            merged = wanted.setdefault(party.subject, {})
            for class_id, tokens in party.tokens.items():
                merged.setdefault(class_id, []).extend(tokens)
    ids = {
        # In the order of their ids, so that two orders with the same two persons cannot wait for each other.
        subject: await _store_contact(session, tenant, subject, wanted[subject], new_order=new_order, at=at)
        for subject in sorted(wanted)
    }
    return Persons(_id_of(data.contact, ids), _id_of(data.recipient, ids))


def _id_of(party: Party | None, ids: Mapping[str, str]) -> str | None:
    return None if party is None else ids[party.subject]


async def _store_contact(
    session: AsyncSession,
    tenant: str,
    subject: str,
    wanted: Mapping[str, Sequence[str]],
    *,
    new_order: bool,
    at: datetime,
) -> str:
    contact_id = await repository.find_contact(session, subject)
    stored: Sequence[TokenRow] = ()
    if contact_id is None:
        contact_id = await _insert_contact(session, tenant, subject, at=at)
        fresh = contact_id is not None
        contact_id = contact_id or await repository.find_contact(session, subject) or ""
    else:
        fresh = False
    if not fresh:
        stored = await repository.contact_tokens(session, contact_id)
    change = reconcile(stored, wanted, whole=False)
    if change.gone:
        await repository.drop_contact_tokens(session, contact_id, change.gone)
    if change.fresh:
        base: dict[str, object] = {"tenant_id": tenant, "contact_id": contact_id, "origin": "shop"}
        rows = [base | {"class_id": c, "token": t, "position": p} for c, t, p in change.fresh]
        await repository.insert_contact_tokens(session, rows)
    if not fresh and (change.needed or new_order):
        await repository.touch_contact(session, contact_id, at=at)
    return contact_id


async def _insert_contact(session: AsyncSession, tenant: str, subject: str, *, at: datetime) -> str | None:
    values: dict[str, object] = {
        "tenant_id": tenant,
        "id": new_id("cnt"),
        "subject": subject,
        "version": 1,
        "created_at": at,
        "updated_at": at,
    }
    return await repository.insert_contact(session, values)


async def store_order_tokens(
    session: AsyncSession, tenant: str, order_id: str, data: OrderData, *, new_order: bool
) -> None:
    """The order's own copy of its persons' tokens."""
    rows: list[dict[str, object]] = []
    stored = {} if new_order else await repository.order_tokens(session, order_id)
    for name, party in ((CONTACT, data.contact), (RECIPIENT, data.recipient)):
        change = reconcile(stored.get(name, ()), party.tokens if party else {}, whole=True)
        if change.gone:
            await repository.drop_order_tokens(session, order_id, name, change.gone)
        base: dict[str, object] = {"tenant_id": tenant, "order_id": order_id, "party": name, "origin": "shop"}
        rows.extend(base | {"class_id": c, "token": t, "position": p} for c, t, p in change.fresh)
    if rows:
        await repository.insert_order_tokens(session, rows)
