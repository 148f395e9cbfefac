"""SQL of messages. Row-level security narrows every statement to the tenant."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Contact, Message

SHOWN: Final = 50


async def add(session: AsyncSession, values: dict[str, Any]) -> bool:
    """Whether it is new: the id of one that is there already is left alone."""
    statement = insert(Message).values(values).on_conflict_do_nothing(index_elements=["tenant_id", "id"])
    return await session.scalar(statement.returning(Message.id)) is not None


async def get(session: AsyncSession, message_id: str) -> Message | None:
    return await session.scalar(select(Message).where(Message.id == message_id))


async def of_order(session: AsyncSession, order_id: str) -> Sequence[Message]:
    return await _newest(session, Message.order_id == order_id)


async def of_contact(session: AsyncSession, contact_id: str) -> Sequence[Message]:
    return await _newest(session, Message.contact_id == contact_id)


async def _newest(session: AsyncSession, narrowed: ColumnElement[bool]) -> Sequence[Message]:
    query = select(Message).where(narrowed).order_by(Message.created_at.desc(), Message.id.desc()).limit(SHOWN)
    return (await session.scalars(query)).all()


async def subject_of(session: AsyncSession, message: Message) -> str | None:
    return await session.scalar(select(Contact.subject).where(Contact.id == message.contact_id))


async def not_handed_over(
    session: AsyncSession, *, before: datetime, after: Message | None, limit: int
) -> Sequence[Message]:
    """The oldest first, of those that came later than `after`."""
    query = select(Message).where(Message.state == "new", Message.created_at < before)
    if after is not None:
        query = query.where(tuple_(Message.created_at, Message.id) > (after.created_at, after.id))
    return (await session.scalars(query.order_by(Message.created_at, Message.id).limit(limit))).all()


async def handed_over(
    session: AsyncSession, message_id: str, *, state: str, dispatch: str | None, failure: str | None, at: datetime
) -> bool:
    """What the vault answered, unless it has told more by now."""
    statement = (
        update(Message)
        .where(Message.id == message_id, Message.state == "new")
        .values(state=state, dispatch=dispatch, failure=failure, updated_at=at)
    )
    return await session.scalar(statement.returning(Message.id)) is not None


async def note(
    session: AsyncSession, message_id: str, *, dispatch: str, state: str, failure: str | None, change: int, at: datetime
) -> bool:
    """Whether it was newer than what is known."""
    statement = (
        update(Message)
        .where(Message.id == message_id, Message.change < change)
        .values(dispatch=dispatch, state=state, failure=failure, change=change, updated_at=at)
    )
    return await session.scalar(statement.returning(Message.id)) is not None
