"""What staff do with orders. `session` is a transaction bound to the tenant (`Database.tenant`)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import FieldProblem, InvalidRequest, NotFound
from app.kit.changes import writable
from app.kit.cursor import Page, decode_cursor, page_of
from app.kit.staff import Staff
from app.models import Order
from app.orders import repository
from app.orders.filters import OrderFilters
from app.timeline import service as timeline
from pii_vault.client import parse_token_shape

NO_FILTERS = OrderFilters()


async def list_orders(
    session: AsyncSession,
    *,
    filters: OrderFilters = NO_FILTERS,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[Order]:
    """Newest first; `contact_tokens` and `recipient_tokens` are loaded, `items` are not.

    Raises:
        InvalidCursor: the cursor is not one this service gave.
    """
    after = decode_cursor(cursor) if cursor else None
    rows = await repository.find(session, filters, after=after, limit=limit + 1)
    return page_of(rows, limit=limit, key=lambda row: (row.placed_at, row.id))


async def get_order(session: AsyncSession, order_id: str) -> Order:
    """The order with items, tokens, contact and recipient (their own `tokens` are not loaded).

    Raises:
        NotFound: there is none, or it is another shop's.
    """
    order = await repository.get(session, order_id)
    if order is None:
        raise NotFound
    return order


async def change_status(
    session: AsyncSession,
    staff: Staff,
    order_id: str,
    *,
    status: str,
    version: int | None,
    now: datetime,
) -> Order:
    """Set the status and write it into the history. `version` None skips the check for a lost update.

    Raises:
        NotFound, Forbidden, VersionMismatch
    """
    order = writable(await repository.lock(session, order_id), staff, version=version)
    if order.status != status:
        change = {"from": order.status, "to": status}
        await repository.set_status(session, order_id, status=status, at=now)
        await _record(session, staff, order, "status_changed", at=now, data=change)
    return await get_order(session, order_id)


async def add_note(
    session: AsyncSession, staff: Staff, order_id: str, *, token: str, mixed: str | None = None, now: datetime
) -> Order:
    """Put a note, which is one token of class `text`, into the order's history; `mixed` as the frame gave it.

    Raises:
        NotFound, Forbidden, InvalidRequest
    """
    order = writable(await repository.lock(session, order_id), staff, version=None)
    require_text(token)
    await repository.touch(session, order_id, at=now)
    await _record(session, staff, order, "note_added", at=now, token=token, mixed=mixed)
    return await get_order(session, order_id)


async def known_statuses(session: AsyncSession) -> Sequence[str]:
    """Statuses that stand in this shop's orders: the choices of the list's filter."""
    return await repository.statuses(session)


async def known_sources(session: AsyncSession) -> Sequence[str]:
    """Connectors that this shop's orders came through."""
    return await repository.sources(session)


async def _record(
    session: AsyncSession,
    staff: Staff,
    order: Order,
    kind: str,
    *,
    at: datetime,
    token: str | None = None,
    mixed: str | None = None,
    data: dict[str, Any] | None = None,
) -> None:
    row = timeline.event(
        kind,
        tenant=staff.tenant,
        at=at,
        by=staff,
        order_id=order.id,
        contact_id=order.contact_id,
        token=token,
        mixed=mixed,
        data=data,
    )
    await timeline.record(session, row)


def require_text(token: str, *, pointer: str = "/token") -> None:
    """Raises InvalidRequest unless this is a token of class `text`."""
    shape = parse_token_shape(token)
    if shape is None or shape.class_id != "text":
        raise InvalidRequest(errors=[FieldProblem(pointer, "a token of class text is expected here")])
