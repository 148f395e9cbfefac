"""SQL of erasures. Where a token may stand is asked of the models: a new column of tokens is covered by being one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, String, Table, bindparam, delete, func, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Base, Contact, ContactToken, ErasedSubject, Order, OrderToken
from app.models.columns import MixedText, TokenText

# Answers that were given under an idempotency key are kept a day, with the tokens in them.
_FORGET_ANSWERS: Final = text("""
    DELETE FROM idempotency_key k
    WHERE EXISTS (SELECT FROM unnest(CAST(:names AS text[])) AS n WHERE position(convert_to(n, 'UTF8') IN k.body) > 0)
""")
_PLAIN: Final = {"synchronize_session": False}
_KEPT: Final = select(ErasedSubject.subject, ErasedSubject.kept)


def mixed_beside(table: Table, column: Column[Any]) -> list[str]:
    """The columns of classified texts that go with a token of this column."""
    return [each.name for each in table.columns if isinstance(each.type, MixedText) and each.type.beside == column.name]


def token_columns() -> list[tuple[Table, Column[Any]]]:
    """Every column of the public database that may hold a token."""
    return [
        (table, column)
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, TokenText)
    ]


async def drop_tokens(session: AsyncSession, tokens: Sequence[str]) -> int:
    """These tokens wherever they stand: a row that is nothing but a token goes, any other loses it."""
    if not tokens:
        return 0
    given = bindparam("given", list(tokens), type_=ARRAY(String))
    places = 0
    for table, column in token_columns():
        stands = column == func.any(given)
        whole = column.primary_key
        emptied = dict.fromkeys([column.name, *mixed_beside(table, column)])
        done: Any = await session.execute(
            delete(table).where(stands) if whole else update(table).where(stands).values(emptied)
        )
        places += done.rowcount
    return places


async def drop_of_person(session: AsyncSession, subject: str, *, kept: Sequence[str], at: datetime) -> int:
    """Whatever stands at the person's contact and orders, but what is kept; marks the contact as erased."""
    contact = await session.scalar(select(Contact.id).where(Contact.subject == subject).with_for_update())
    if contact is None:
        return 0
    staying = bindparam("staying", list(kept), type_=ARRAY(String))
    done: Any = await session.execute(
        delete(ContactToken).where(ContactToken.contact_id == contact, ContactToken.token != func.all(staying)),
        execution_options=_PLAIN,
    )
    places = int(done.rowcount)
    orders = select(Order.id).where(or_(Order.contact_id == contact, Order.recipient_id == contact))
    for party, column in (("contact", Order.contact_id), ("recipient", Order.recipient_id)):
        of_party = select(Order.id).where(column == contact)
        done = await session.execute(
            delete(OrderToken).where(
                OrderToken.order_id.in_(of_party), OrderToken.party == party, OrderToken.token != func.all(staying)
            ),
            execution_options=_PLAIN,
        )
        places += done.rowcount
    changed = {"version": Order.version + 1, "updated_at": at}
    if places:
        await session.execute(update(Order).where(Order.id.in_(orders)).values(changed), execution_options=_PLAIN)
    await session.execute(
        update(Contact)
        .where(Contact.id == contact, or_(Contact.erased_at.is_(None), literal(places > 0)))
        .values(
            note_token=None,
            note_mixed=None,
            version=Contact.version + 1,
            updated_at=at,
            erased_at=func.coalesce(Contact.erased_at, at),
        ),
        execution_options=_PLAIN,
    )
    return places


async def forget_answers(session: AsyncSession, names: Sequence[str]) -> None:
    await session.execute(_FORGET_ANSWERS, {"names": list(names)})


async def remember(
    session: AsyncSession, *, tenant: str, subject: str, kept: Sequence[str], dropped: int, at: datetime
) -> None:
    """A later erasure keeps less, never more."""
    values = {"tenant_id": tenant, "subject": subject, "kept": list(kept), "dropped": dropped, "erased_at": at}
    statement = pg_insert(ErasedSubject).values(values)
    changed = {
        "kept": statement.excluded.kept,
        "dropped": ErasedSubject.dropped + statement.excluded.dropped,
        "erased_at": statement.excluded.erased_at,
    }
    await session.execute(statement.on_conflict_do_update(index_elements=["tenant_id", "subject"], set_=changed))


async def contact_of(session: AsyncSession, subject: str) -> str | None:
    return await session.scalar(select(Contact.id).where(Contact.subject == subject))


async def erased_since(session: AsyncSession, *, since: datetime) -> list[tuple[str, list[str]]]:
    """Persons erased since then, with what is kept of them."""
    rows = await session.execute(_KEPT.where(ErasedSubject.erased_at >= since))
    return [(row.subject, row.kept) for row in rows]
