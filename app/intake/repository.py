"""SQL of the intake: plain statements, built once, because every order of every shop passes here."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Update, bindparam, delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Base, Contact, ContactToken, IntakeEvent, OrderItem, OrderToken

# Tables, not mapped classes: a statement then costs a third of what it costs through the unit of work.
_TABLES: Final = Base.metadata.tables

# All that decides what to do, by one statement: was the event applied, the order, the contacts of its persons.
_BEFORE: Final = text("""
    SELECT (SELECT order_id FROM intake_event WHERE id = :event) AS applied_to,
           (SELECT jsonb_object_agg(subject, id) FROM contact WHERE subject = ANY(:subjects)) AS contacts,
           (SELECT jsonb_object_agg(subject, kept) FROM erased_subject WHERE subject = ANY(:subjects)) AS erased,
           o.id, o.sequence, o.status, o.shop_status, o.contact_id
    FROM (SELECT 1) AS always
    LEFT JOIN orders o ON o.connection_id = :connection_id AND o.external_id = :external_id
""")

_ITEMS: Final = (
    select(_TABLES["order_item"]).where(OrderItem.order_id == bindparam("order_id")).order_by(OrderItem.position)
)

_CONTACT_TOKENS: Final = (
    select(ContactToken.contact_id, ContactToken.class_id, ContactToken.token, ContactToken.origin)
    .where(ContactToken.contact_id.in_(bindparam("contact_ids", expanding=True)))
    .order_by(ContactToken.position)
)

_ORDER_TOKENS: Final = (
    select(OrderToken.party, OrderToken.class_id, OrderToken.token, OrderToken.origin)
    .where(OrderToken.order_id == bindparam("order_id"))
    .order_by(OrderToken.position)
)


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """What the intake must know of an order that is here already."""

    id: str
    sequence: int
    status: str
    shop_status: str
    contact_id: str | None


@dataclass(frozen=True, slots=True)
class Before:
    """What stands when an event comes.

    `applied_to`: the order it was applied to already; `contacts`: by subject; `erased`: persons whom the vault erased
    since, with the tokens that are kept of them.
    """

    applied_to: str | None
    order: KnownOrder | None
    contacts: Mapping[str, str]
    erased: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class TokenRow:
    class_id: str
    token: str
    origin: str


async def before(
    session: AsyncSession, *, event: str, connection_id: str, external_id: str, subjects: Sequence[str]
) -> Before:
    which = {"event": event, "connection_id": connection_id, "external_id": external_id, "subjects": list(subjects)}
    applied_to, contacts, erased, *order = (await session.execute(_BEFORE, which)).one()
    return Before(applied_to, KnownOrder(*order) if order[0] is not None else None, contacts or {}, erased or {})


async def update_order(session: AsyncSession, order_id: str, values: dict[str, Any]) -> None:
    statement = _update_order(frozenset(values))
    await session.execute(statement, values | {"which": order_id})


@functools.cache
def _update_order(columns: frozenset[str]) -> Update:
    """Built once per set of columns: there are two, of an upsert and of a deletion."""
    orders = _TABLES["orders"]
    changes: dict[str, Any] = {name: bindparam(name) for name in sorted(columns)}
    return update(orders).where(orders.c.id == bindparam("which")).values(version=orders.c.version + 1, **changes)


async def items(session: AsyncSession, order_id: str) -> list[dict[str, Any]]:
    return [dict(row) for row in (await session.execute(_ITEMS, {"order_id": order_id})).mappings()]


async def drop_items(session: AsyncSession, order_id: str) -> None:
    await session.execute(delete(OrderItem).where(OrderItem.order_id == order_id))


async def touch_contacts(session: AsyncSession, contact_ids: Sequence[str], *, at: datetime) -> None:
    """Locked in the order of their ids, so that two orders with the same two persons cannot wait for each other."""
    locked = select(Contact.id).where(Contact.id.in_(contact_ids)).order_by(Contact.id).with_for_update().cte("locked")
    statement = update(Contact).where(Contact.id == locked.c.id)
    values = {"version": Contact.version + 1, "updated_at": at}
    await session.execute(statement.values(values).execution_options(synchronize_session=False))


async def contact_tokens(session: AsyncSession, contact_ids: Sequence[str]) -> dict[str, list[TokenRow]]:
    """Contact → its tokens."""
    return _grouped((await session.execute(_CONTACT_TOKENS, {"contact_ids": list(contact_ids)})).all())


async def order_tokens(session: AsyncSession, order_id: str) -> dict[str, list[TokenRow]]:
    """Party → its tokens."""
    return _grouped((await session.execute(_ORDER_TOKENS, {"order_id": order_id})).all())


def _grouped(rows: Sequence[Any]) -> dict[str, list[TokenRow]]:
    found: dict[str, list[TokenRow]] = {}
    for owner, *row in rows:
        found.setdefault(owner, []).append(TokenRow(*row))
    return found


async def drop_contact_tokens(session: AsyncSession, contact_id: str, tokens: Sequence[str]) -> None:
    await session.execute(
        delete(ContactToken).where(ContactToken.contact_id == contact_id, ContactToken.token.in_(tokens))
    )


async def drop_order_tokens(session: AsyncSession, order_id: str, party: str, tokens: Sequence[str]) -> None:
    await session.execute(
        delete(OrderToken).where(
            OrderToken.order_id == order_id, OrderToken.party == party, OrderToken.token.in_(tokens)
        )
    )


async def forget(session: AsyncSession, *, before: datetime) -> None:
    """Drop the ids of events taken in before this moment."""
    await session.execute(delete(IntakeEvent).where(IntakeEvent.received_at < before))
