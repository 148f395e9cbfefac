"""The one timeline: what happened to an order or a contact, by whom. Nothing in it is personal data in clear."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.cursor import Page, decode_cursor, page_of
from app.kit.staff import Staff
from app.models import TimelineEvent
from app.timeline import repository
from pii_vault.client import new_id


def event(
    kind: str,
    *,
    tenant: str,
    at: datetime,
    by: Staff | None = None,
    order_id: str | None = None,
    contact_id: str | None = None,
    token: str | None = None,
    mixed: str | None = None,
    data: dict[str, Any] | None = None,
) -> dict[str, object]:
    """A row for `record`. Without `by` it was the shop."""
    return {
        "tenant_id": tenant,
        "id": new_id("tle"),
        "kind": kind,
        "contact_id": contact_id,
        "order_id": order_id,
        "actor_id": by.id if by else None,
        "actor_alias": by.alias if by else None,
        "token": token,
        "mixed": mixed,
        "data": data or {},
        "occurred_at": at,
    }


async def record(session: AsyncSession, *events: dict[str, object]) -> None:
    await repository.add(session, events)


async def order_history(session: AsyncSession, order_id: str) -> Sequence[TimelineEvent]:
    """The newest 200 events of an order, newest first. The caller has proven that the order is visible."""
    return await repository.of_order(session, order_id)


async def contact_timeline(
    session: AsyncSession, contact_id: str, *, limit: int = 50, cursor: str | None = None
) -> Page[TimelineEvent]:
    """What happened to a contact and to its orders, newest first."""
    after = decode_cursor(cursor) if cursor else None
    rows = await repository.of_contact(session, contact_id, after=after, limit=limit + 1)
    return page_of(rows, limit=limit, key=lambda row: (row.occurred_at, row.id))
