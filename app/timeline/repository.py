from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Base, TimelineEvent

_ADD: Final = insert(Base.metadata.tables["timeline_event"])


async def add(session: AsyncSession, events: Sequence[dict[str, object]]) -> None:
    await session.execute(_ADD, events)


async def of_order(session: AsyncSession, order_id: str) -> Sequence[TimelineEvent]:
    return await _newest_first(session, TimelineEvent.order_id == order_id, after=None, limit=200)


async def of_contact(
    session: AsyncSession, contact_id: str, *, after: tuple[datetime, str] | None, limit: int
) -> Sequence[TimelineEvent]:
    return await _newest_first(session, TimelineEvent.contact_id == contact_id, after=after, limit=limit)


async def _newest_first(
    session: AsyncSession, which: ColumnElement[bool], *, after: tuple[datetime, str] | None, limit: int
) -> Sequence[TimelineEvent]:
    query = select(TimelineEvent).where(which)
    if after:
        query = query.where(tuple_(TimelineEvent.occurred_at, TimelineEvent.id) < after)
    query = query.order_by(TimelineEvent.occurred_at.desc(), TimelineEvent.id.desc()).limit(limit)
    return (await session.scalars(query)).all()
