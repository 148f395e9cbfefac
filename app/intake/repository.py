"""SQL of the intake: plain statements, built once, because every order of every shop passes here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Contact, ContactToken, IntakeEvent, Order, OrderItem, OrderToken

_HOLD: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:object, 0))")

_SEEN: Final = select(IntakeEvent.order_id).where(IntakeEvent.id == bindparam("id"))

_ORDER: Final = select(
    Order.id, Order.sequence, Order.status, Order.shop_status, Order.contact_id, Order.deleted_at
).where(Order.connection_id == bindparam("connection_id"), Order.external_id == bindparam("external_id"))

_CONTACT: Final = select(Contact.id).where(Contact.subject == bindparam("subject"))


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """What the intake must know of an order that is here already."""

    id: str
    sequence: int
    status: str
    shop_status: str
    contact_id: str | None
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class TokenRow:
    class_id: str
    token: str
    origin: str


async def hold(session: AsyncSession, *, tenant: str, connection: str, external_id: str) -> None:
    """One event of an object at a time, also before the object has a row that could be locked."""
    await session.execute(_HOLD, {"object": f"{tenant}/{connection}/{external_id}"})


async def seen(session: AsyncSession, event_id: str) -> str | None:
    """The order this event was applied to, if it was."""
    return await session.scalar(_SEEN, {"id": event_id})


async def remember(session: AsyncSession, values: dict[str, object]) -> None:
    await session.execute(insert(IntakeEvent), [values])


async def find_order(session: AsyncSession, *, connection_id: str, external_id: str) -> KnownOrder | None:
    found = await session.execute(_ORDER, {"connection_id": connection_id, "external_id": external_id})
    row = found.first()
    return KnownOrder(*row) if row is not None else None


async def insert_order(session: AsyncSession, values: dict[str, Any]) -> None:
    await session.execute(insert(Order), [values])


async def update_order(session: AsyncSession, order_id: str, values: dict[str, Any]) -> None:
    await session.execute(update(Order).where(Order.id == order_id).values(version=Order.version + 1, **values))


async def replace_items(session: AsyncSession, order_id: str, rows: Sequence[dict[str, Any]], *, fresh: bool) -> None:
    if not fresh:
        await session.execute(delete(OrderItem).where(OrderItem.order_id == order_id))
    if rows:
        await session.execute(insert(OrderItem), rows)


async def find_contact(session: AsyncSession, subject: str) -> str | None:
    return await session.scalar(_CONTACT, {"subject": subject})


async def insert_contact(session: AsyncSession, values: dict[str, object]) -> str | None:
    """The id of the new contact; None when another event made it a moment ago."""
    statement = pg_insert(Contact).on_conflict_do_nothing().returning(Contact.id)
    return await session.scalar(statement, values)


async def touch_contact(session: AsyncSession, contact_id: str, *, at: datetime) -> None:
    await session.execute(
        update(Contact).where(Contact.id == contact_id).values(version=Contact.version + 1, updated_at=at)
    )


async def contact_tokens(session: AsyncSession, contact_id: str) -> list[TokenRow]:
    query = select(ContactToken.class_id, ContactToken.token, ContactToken.origin).where(
        ContactToken.contact_id == contact_id
    )
    return [TokenRow(*row) for row in (await session.execute(query.order_by(ContactToken.position))).all()]


async def order_tokens(session: AsyncSession, order_id: str, party: str) -> list[TokenRow]:
    query = select(OrderToken.class_id, OrderToken.token, OrderToken.origin).where(
        OrderToken.order_id == order_id, OrderToken.party == party
    )
    return [TokenRow(*row) for row in (await session.execute(query.order_by(OrderToken.position))).all()]


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


async def insert_contact_tokens(session: AsyncSession, rows: Sequence[dict[str, object]]) -> None:
    await session.execute(insert(ContactToken), rows)


async def insert_order_tokens(session: AsyncSession, rows: Sequence[dict[str, object]]) -> None:
    await session.execute(insert(OrderToken), rows)


async def forget(session: AsyncSession, *, before: datetime) -> None:
    """Drop the ids of events taken in before this moment."""
    await session.execute(delete(IntakeEvent).where(IntakeEvent.received_at < before))
