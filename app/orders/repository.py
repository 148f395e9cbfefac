"""SQL of orders as staff see and change them. Row-level security narrows every statement to the tenant."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, selectinload

from app.models import Contact, Order, OrderToken
from app.orders.filters import OrderFilters

_LAST: Final = "\U0010ffff"  # sorts after every character of a number


async def find(
    session: AsyncSession, filters: OrderFilters, *, after: tuple[datetime, str] | None, limit: int
) -> Sequence[Order]:
    """Newest first, with the tokens a list draws."""
    query = _narrow(select(Order), filters)
    if after:
        query = query.where(tuple_(Order.placed_at, Order.id) < after)
    query = query.order_by(Order.placed_at.desc(), Order.id.desc()).limit(limit)
    return (await session.scalars(query.options(selectinload(Order.token_rows)))).all()


def _narrow(query: Select[Order], filters: OrderFilters) -> Select[Order]:
    exact = (
        (Order.status, filters.status),
        (Order.connector, filters.source),
        (Order.source["utm_source"].astext, filters.utm_source),
    )
    for column, wanted in exact:
        if wanted is not None:
            query = query.where(column == wanted)
    if filters.number is not None:
        query = query.where(_numbered(filters.number.lower()))
    if filters.placed_from is not None:
        query = query.where(Order.placed_at >= filters.placed_from)
    if filters.placed_to is not None:
        query = query.where(Order.placed_at < filters.placed_to)
    query = query.where(Order.deleted_at.is_not(None) if filters.deleted else Order.deleted_at.is_(None))
    return _narrow_to_person(query, filters)


def _numbered(typed: str) -> ColumnElement[bool]:
    """Numbers that begin or end so, in comparisons that an index may serve under row-level security."""
    return or_(_begins(Order.number_head, typed), _begins(Order.number_tail, typed[::-1]))


def _begins(column: InstrumentedAttribute[str], text: str) -> ColumnElement[bool]:
    return and_(column >= text, column < text + _LAST)


def _narrow_to_person(query: Select[Order], filters: OrderFilters) -> Select[Order]:
    if filters.contact_id is not None:
        query = query.where(or_(Order.contact_id == filters.contact_id, Order.recipient_id == filters.contact_id))
    if filters.contact_ids is not None:
        found = filters.contact_ids
        query = query.where(or_(Order.contact_id.in_(found), Order.recipient_id.in_(found)))
    if filters.subject is not None:
        person = select(Contact.id).where(Contact.subject == filters.subject).scalar_subquery()
        query = query.where(or_(Order.contact_id == person, Order.recipient_id == person))
    if filters.token is not None:
        carried = exists().where(
            OrderToken.tenant_id == Order.tenant_id,
            OrderToken.order_id == Order.id,
            OrderToken.token == filters.token,
        )
        query = query.where(carried)
    return query


async def get(session: AsyncSession, order_id: str) -> Order | None:
    """The order with all that a card draws."""
    query = select(Order).where(Order.id == order_id).execution_options(populate_existing=True)
    options = (
        selectinload(Order.items),
        selectinload(Order.token_rows),
        selectinload(Order.contact),
        selectinload(Order.recipient),
    )
    return await session.scalar(query.options(*options))


async def lock(session: AsyncSession, order_id: str) -> Order | None:
    """The bare order, held until the transaction ends."""
    return await session.scalar(select(Order).where(Order.id == order_id).with_for_update())


async def set_status(session: AsyncSession, order_id: str, *, status: str, at: datetime) -> None:
    await session.execute(
        update(Order).where(Order.id == order_id).values(status=status, version=Order.version + 1, updated_at=at)
    )


async def touch(session: AsyncSession, order_id: str, *, at: datetime) -> None:
    await session.execute(update(Order).where(Order.id == order_id).values(version=Order.version + 1, updated_at=at))


async def statuses(session: AsyncSession) -> Sequence[str]:
    return (await session.scalars(select(Order.status).distinct().order_by(Order.status))).all()


async def sources(session: AsyncSession) -> Sequence[str]:
    return (await session.scalars(select(Order.connector).distinct().order_by(Order.connector))).all()
