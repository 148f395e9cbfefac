from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Tenant


async def add(session: AsyncSession, *, tenant: str, title: str, at: datetime) -> None:
    await session.execute(insert(Tenant).values(id=tenant, title=title, created_at=at).on_conflict_do_nothing())


async def set_title(session: AsyncSession, tenant: str, title: str) -> None:
    """Writes nothing when the shop is called so already."""
    await session.execute(update(Tenant).where(Tenant.id == tenant, Tenant.title != title).values(title=title))


async def set_time_zone(session: AsyncSession, tenant: str, zone: str) -> None:
    await session.execute(update(Tenant).where(Tenant.id == tenant).values(time_zone=zone))


async def all_ids(session: AsyncSession) -> Sequence[str]:
    return (await session.scalars(select(text("tenant_ids()")))).all()
