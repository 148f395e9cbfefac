"""Tenants of the public contour. The private contour decides who is one: here a tenant appears with its first
signed word, an event of the outbox or an access token, and that is all its registration takes.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import InvalidRequest
from app.kit.zones import ZONES
from app.tenants import repository


async def ensure(session: AsyncSession, tenant: str, *, now: datetime) -> None:
    """Make sure the tenant of this transaction has its row. Idempotent."""
    await repository.add(session, tenant=tenant, title=tenant, at=now)


async def entitle(session: AsyncSession, tenant: str, title: str) -> None:
    """Take over the shop's title as the private contour tells it."""
    await repository.set_title(session, tenant, title)


async def set_time_zone(session: AsyncSession, tenant: str, zone: str) -> None:
    """Raises InvalidRequest for a zone that no shop may choose."""
    if zone not in ZONES:
        raise InvalidRequest
    await repository.set_time_zone(session, tenant, zone)


async def all_ids(session: AsyncSession) -> Sequence[str]:
    """Ids of all tenants, for the worker that goes from one to the next."""
    return await repository.all_ids(session)
