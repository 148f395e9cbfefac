from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Tenant


async def add(session: AsyncSession, *, tenant: str, title: str, at: datetime) -> None:
    await session.execute(insert(Tenant).values(id=tenant, title=title, created_at=at).on_conflict_do_nothing())


async def get(session: AsyncSession, tenant: str) -> Tenant | None:
    return await session.get(Tenant, tenant)


async def all_ids(session: AsyncSession) -> Sequence[str]:
    return (await session.scalars(select(text("tenant_ids()")))).all()
