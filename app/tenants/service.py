"""Tenants of the public contour. The private contour decides who is one: here a tenant appears with its first
signed word, an event of the outbox or an access token, and that is all its registration takes.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.tenants import repository


async def ensure(session: AsyncSession, tenant: str, *, now: datetime) -> None:
    """Make sure the tenant of this transaction has its row. Idempotent."""
    await repository.add(session, tenant=tenant, title=tenant, at=now)


async def title(session: AsyncSession, tenant: str) -> str:
    """What the pages call the shop."""
    found = await repository.get(session, tenant)
    return found.title if found else tenant


async def all_ids(session: AsyncSession) -> Sequence[str]:
    """Ids of all tenants, for the worker that goes from one to the next."""
    return await repository.all_ids(session)
