from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import StaffSession, Tenant


async def add(session: AsyncSession, values: dict[str, object]) -> None:
    await session.execute(insert(StaffSession).values(values))


async def find(session: AsyncSession, digest: bytes) -> tuple[StaffSession, Tenant] | None:
    """The session and its shop."""
    query = select(StaffSession, Tenant).join(Tenant, Tenant.id == StaffSession.tenant_id)
    found = (await session.execute(query.where(StaffSession.digest == digest))).first()
    return (found[0], found[1]) if found is not None else None


async def lock_free(session: AsyncSession, digest: bytes) -> StaffSession | None:
    """The session's row, held; None when it is gone or another request holds it."""
    query = select(StaffSession).where(StaffSession.digest == digest)
    return await session.scalar(query.with_for_update(skip_locked=True))


async def change(session: AsyncSession, digest: bytes, **values: object) -> None:
    await session.execute(update(StaffSession).where(StaffSession.digest == digest).values(values))


async def mark_seen(session: AsyncSession, digest: bytes, *, at: datetime) -> None:
    """Does not wait for a request that is renewing the session just now."""
    free = select(StaffSession.digest).where(StaffSession.digest == digest).with_for_update(skip_locked=True)
    statement = update(StaffSession).where(StaffSession.digest.in_(free)).values(seen_at=at)
    await session.execute(statement.execution_options(synchronize_session=False))


async def remove(session: AsyncSession, digest: bytes) -> bytes | None:
    """Ends the session. Returns the sealed refresh token, so that the issuer can be told."""
    statement = delete(StaffSession).where(StaffSession.digest == digest).returning(StaffSession.refresh_sealed)
    return await session.scalar(statement)


async def purge(session: AsyncSession, *, now: datetime, idle_since: datetime) -> None:
    await session.execute(
        delete(StaffSession).where((StaffSession.expires_at <= now) | (StaffSession.seen_at <= idle_since))
    )
