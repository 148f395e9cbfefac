"""The worker: what it deletes, what it leaves, and that its queue works in the same database."""

from datetime import timedelta

from sqlalchemy import select

from app.config import AppSettings
from app.kit.db import Database
from app.models import IdempotencyKey, IntakeEvent
from app.worker import EVENTS_KEPT, build_worker, purge
from tests.integration.app.support import OTHER, TENANT, Call, Clock, FakeIssuer, FakeRelay, Take, token


async def _count(db: Database, model: type[IdempotencyKey | IntakeEvent], tenant: str = TENANT) -> int:
    async with db.tenant(tenant) as session:
        return len((await session.scalars(select(model))).all())


async def test_what_is_over_is_deleted_in_every_tenant(
    take: Take, call: Call, db: Database, clock: Clock, issuer: FakeIssuer
) -> None:
    order = (await take()).order
    await take(tenant=OTHER)
    headers = {"idempotency-key": "n-1"}
    await call("POST", f"/orders/{order}/notes", json={"token": token("text", 1)}, headers=headers)
    assert await purge(db, now=clock()) == 2
    assert (await _count(db, IdempotencyKey), await _count(db, IntakeEvent)) == (1, 1)

    clock.turn(timedelta(hours=24))
    issuer.now = clock()
    await purge(db, now=clock())
    assert (await _count(db, IdempotencyKey), await _count(db, IntakeEvent)) == (0, 1)

    clock.turn(EVENTS_KEPT)
    await purge(db, now=clock())
    assert await _count(db, IntakeEvent) == 0
    assert await _count(db, IntakeEvent, OTHER) == 0


async def test_the_queue_runs_a_purge_as_the_runtime_role(
    take: Take, db: Database, clock: Clock, settings: AppSettings
) -> None:
    await take()
    clock.turn(EVENTS_KEPT * 2)
    queue = build_worker(db, database_url=settings.database_url, relay=FakeRelay(), clock=clock)
    async with queue.open_async():
        await queue.tasks["purge"].defer_async(timestamp=0)
        await queue.run_worker_async(wait=False, delete_jobs="always", install_signal_handlers=False)
    assert await _count(db, IntakeEvent) == 0
