"""SQL of the intake: plain statements, built once, because every order of every shop passes here."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import TextClause, TypeDecorator, Update, bindparam, delete, insert, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Base, Contact, ContactToken, IntakeEvent, Order, OrderItem, OrderToken

# Tables, not mapped classes: an insert then costs a third of what it costs through the unit of work.
_TABLES: Final = Base.metadata.tables
_DIALECT: Final = postgresql.dialect()  # type: ignore[no-untyped-call]
_INSERT_ORDER: Final = insert(_TABLES["orders"])
_REMEMBER: Final = insert(_TABLES["intake_event"])
_INSERT_CONTACT: Final = pg_insert(_TABLES["contact"]).on_conflict_do_nothing().returning(_TABLES["contact"].c.id)

_HOLD: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:object, 0))")

_SEEN: Final = select(IntakeEvent.order_id).where(IntakeEvent.id == bindparam("id"))

_ORDER: Final = select(
    Order.id, Order.sequence, Order.status, Order.shop_status, Order.contact_id, Order.deleted_at
).where(Order.connection_id == bindparam("connection_id"), Order.external_id == bindparam("external_id"))

_ITEMS: Final = (
    select(_TABLES["order_item"]).where(OrderItem.order_id == bindparam("order_id")).order_by(OrderItem.position)
)

_CONTACT_TOKENS: Final = (
    select(ContactToken.class_id, ContactToken.token, ContactToken.origin)
    .where(ContactToken.contact_id == bindparam("contact_id"))
    .order_by(ContactToken.position)
)

_ORDER_TOKENS: Final = (
    select(OrderToken.party, OrderToken.class_id, OrderToken.token, OrderToken.origin)
    .where(OrderToken.order_id == bindparam("order_id"))
    .order_by(OrderToken.position)
)

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
    await session.execute(_REMEMBER, values)


async def find_order(session: AsyncSession, *, connection_id: str, external_id: str) -> KnownOrder | None:
    found = await session.execute(_ORDER, {"connection_id": connection_id, "external_id": external_id})
    row = found.first()
    return KnownOrder(*row) if row is not None else None


async def insert_order(session: AsyncSession, values: dict[str, Any]) -> None:
    await session.execute(_INSERT_ORDER, values)


async def update_order(session: AsyncSession, order_id: str, values: dict[str, Any]) -> None:
    statement = _update_order(frozenset(values))
    await session.execute(statement, values | {"which": order_id})


@functools.cache
def _update_order(columns: frozenset[str]) -> Update:
    """Built once per set of columns: there are two, of an upsert and of a deletion."""
    orders = _TABLES["orders"]
    changes: dict[str, Any] = {name: bindparam(name) for name in sorted(columns)}
    return update(orders).where(orders.c.id == bindparam("which")).values(version=orders.c.version + 1, **changes)


async def replace_items(session: AsyncSession, order_id: str, rows: Sequence[dict[str, Any]], *, fresh: bool) -> None:
    """Most updates of an order leave its items as they are; then nothing is written."""
    if not fresh:
        stored = (await session.execute(_ITEMS, {"order_id": order_id})).mappings().all()
        if [dict(row) for row in stored] == list(rows):
            return
        await session.execute(delete(OrderItem).where(OrderItem.order_id == order_id))
    if rows:
        await _insert_rows(session, "order_item", rows)


async def find_contact(session: AsyncSession, subject: str) -> str | None:
    return await session.scalar(_CONTACT, {"subject": subject})


async def insert_contact(session: AsyncSession, values: dict[str, object]) -> str | None:
    """The id of the new contact; None when another event made it a moment ago."""
    found: str | None = await session.scalar(_INSERT_CONTACT, values)
    return found


async def touch_contact(session: AsyncSession, contact_id: str, *, at: datetime) -> None:
    await session.execute(
        update(Contact).where(Contact.id == contact_id).values(version=Contact.version + 1, updated_at=at)
    )


async def contact_tokens(session: AsyncSession, contact_id: str) -> list[TokenRow]:
    found = await session.execute(_CONTACT_TOKENS, {"contact_id": contact_id})
    return [TokenRow(*row) for row in found.all()]


async def order_tokens(session: AsyncSession, order_id: str) -> dict[str, list[TokenRow]]:
    """Party → its tokens."""
    found: dict[str, list[TokenRow]] = {}
    for party, *row in (await session.execute(_ORDER_TOKENS, {"order_id": order_id})).all():
        found.setdefault(party, []).append(TokenRow(*row))
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


async def insert_contact_tokens(session: AsyncSession, rows: Sequence[dict[str, object]]) -> None:
    await _insert_rows(session, "contact_token", rows)


async def insert_order_tokens(session: AsyncSession, rows: Sequence[dict[str, object]]) -> None:
    await _insert_rows(session, "order_token", rows)


async def _insert_rows(session: AsyncSession, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """All rows by one statement: the driver's own way for many rows costs several times as much for a few.

    The columns' own types still see each value, so a token column refuses here what it refuses anywhere.
    """
    for name, bind in _binders(table):
        for row in rows:
            bind(row[name])
    statement = _insert_statement(table, tuple(rows[0]))
    await session.execute(statement, {"rows": msgspec.json.encode(rows).decode()})


@functools.cache
def _binders(table: str) -> list[tuple[str, Callable[[Any], Any]]]:
    """The project's own column types of a table, as functions that raise at a value they do not hold."""
    own = [column for column in _TABLES[table].columns if isinstance(column.type, TypeDecorator)]
    found = [(column.name, column.type.bind_processor(_DIALECT)) for column in own]
    return [(name, bind) for name, bind in found if bind is not None]


@functools.cache
def _insert_statement(table: str, columns: tuple[str, ...]) -> TextClause:
    """Built once per table: its rows all have the same columns. The names are the code's own, never the sender's."""
    names = ", ".join(columns)
    return text(
        f"INSERT INTO {table} ({names}) "  # noqa: S608  see above
        f"SELECT {names} FROM jsonb_populate_recordset(CAST(NULL AS {table}), CAST(:rows AS jsonb))"
    )


async def forget(session: AsyncSession, *, before: datetime) -> None:
    """Drop the ids of events taken in before this moment."""
    await session.execute(delete(IntakeEvent).where(IntakeEvent.received_at < before))
