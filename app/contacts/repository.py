"""SQL of contacts. Row-level security narrows every statement to the tenant."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Select, delete, exists, func, insert, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.models import Contact, ContactToken, Order, OrderToken


async def find(
    session: AsyncSession,
    *,
    subjects: Sequence[str] | None,
    token: str | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[Contact]:
    """Last changed first, with their tokens."""
    query = _narrow(select(Contact), subjects=subjects, token=token)
    if after:
        query = query.where(tuple_(Contact.updated_at, Contact.id) < after)
    query = query.order_by(Contact.updated_at.desc(), Contact.id.desc()).limit(limit)
    return (await session.scalars(query.options(selectinload(Contact.token_rows)))).all()


def _narrow(query: Select[Contact], *, subjects: Sequence[str] | None, token: str | None) -> Select[Contact]:
    if subjects is not None:
        query = query.where(Contact.subject.in_(subjects))
    if token is not None:
        carried = exists().where(
            ContactToken.tenant_id == Contact.tenant_id,
            ContactToken.contact_id == Contact.id,
            ContactToken.token == token,
        )
        query = query.where(carried)
    return query


async def get(session: AsyncSession, contact_id: str) -> Contact | None:
    query = select(Contact).where(Contact.id == contact_id).execution_options(populate_existing=True)
    return await session.scalar(query.options(selectinload(Contact.token_rows)))


async def lock(session: AsyncSession, contact_id: str) -> Contact | None:
    return await session.scalar(select(Contact).where(Contact.id == contact_id).with_for_update())


async def create(session: AsyncSession, *, tenant: str, contact_id: str, subject: str, at: datetime) -> bool:
    """False when this subject already is a contact."""
    values = {
        "tenant_id": tenant,
        "id": contact_id,
        "subject": subject,
        "version": 1,
        "created_at": at,
        "updated_at": at,
    }
    statement = pg_insert(Contact).values(values).on_conflict_do_nothing().returning(Contact.id)
    return await session.scalar(statement) is not None


async def add_tokens(session: AsyncSession, rows: Sequence[dict[str, object]]) -> None:
    await session.execute(insert(ContactToken), rows)


async def next_position(session: AsyncSession, contact_id: str, class_id: str) -> int:
    """One past the last token of this class that staff added by hand."""
    query = select(func.coalesce(func.max(ContactToken.position) + 1, 0)).where(
        ContactToken.contact_id == contact_id,
        ContactToken.class_id == class_id,
        ContactToken.origin == "staff",
    )
    return await session.scalar(query) or 0


async def replace_token(session: AsyncSession, contact_id: str, *, old: str, new: str) -> bool:
    """Put `new` where `old` stood. False when this contact has no such token."""
    gone = await session.execute(
        delete(ContactToken)
        .where(ContactToken.contact_id == contact_id, ContactToken.token == old)
        .returning(ContactToken.tenant_id, ContactToken.class_id, ContactToken.position)
    )
    row = gone.mappings().first()
    if row is None:
        return False
    await _put(session, ContactToken, [{**row, "contact_id": contact_id, "token": new, "origin": "staff"}])
    return True


async def replace_in_orders(
    session: AsyncSession, contact_id: str, *, old: str, new: str, at: datetime
) -> Sequence[str]:
    """The same correction in this person's orders that carry the old token.

    Returns:
        Ids of the orders that changed.
    """
    rows: list[dict[str, object]] = []
    for party, column in (("contact", Order.contact_id), ("recipient", Order.recipient_id)):
        gone = await session.execute(
            delete(OrderToken)
            .where(
                OrderToken.order_id.in_(select(Order.id).where(column == contact_id)),
                OrderToken.party == party,
                OrderToken.token == old,
            )
            .returning(OrderToken.tenant_id, OrderToken.order_id, OrderToken.class_id, OrderToken.position)
        )
        rows.extend({**row, "party": party, "token": new, "origin": "staff"} for row in gone.mappings())
    changed = sorted({str(row["order_id"]) for row in rows})
    if changed:
        await _put(session, OrderToken, rows)
        await session.execute(
            update(Order).where(Order.id.in_(changed)).values(version=Order.version + 1, updated_at=at)
        )
    return changed


async def _put(
    session: AsyncSession, table: type[ContactToken | OrderToken], rows: Sequence[Mapping[str, object]]
) -> None:
    """Insert staff's tokens; one that stands there already becomes staff's."""
    statement = pg_insert(table).values(list(rows))
    key = [column.name for column in table.__table__.primary_key]
    taken = {"origin": statement.excluded.origin, "position": statement.excluded.position}
    await session.execute(statement.on_conflict_do_update(index_elements=key, set_=taken))


async def touch(
    session: AsyncSession,
    contact_id: str,
    *,
    at: datetime,
    note_token: str | None = None,
    note_mixed: str | None = None,
) -> None:
    """A new note takes the place of the old one, and of its classified form."""
    values: dict[str, object] = {"version": Contact.version + 1, "updated_at": at}
    if note_token is not None:
        values |= {"note_token": note_token, "note_mixed": note_mixed}
    await session.execute(update(Contact).where(Contact.id == contact_id).values(values))
