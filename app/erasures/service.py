"""Drops an erased person's tokens wherever they stand, in one transaction; the answer is the acknowledgement.

The order itself stays: what was bought, when and for how much is the shop's own. The person is not in it any more.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from app.erasures import repository
from app.erasures.schemas import Dropped, ErasureOrder
from app.errors import Conflict, DatabaseUnavailable, FieldProblem, InvalidRequest
from app.kit.clock import Clock, utc_now
from app.kit.db import Database
from app.tenants import service as tenants
from app.timeline import service as timeline
from pii_vault.client import parse_subject_shape, parse_token_shape

SWEPT_FOR: Final = timedelta(days=2)  # an order's event that was on its way meanwhile has long come by then

_orders: Final = msgspec.json.Decoder(ErasureOrder)


class Erasures:
    """Applies orders to erase. Doing one twice finds nothing the second time."""

    def __init__(self, db: Database, *, clock: Clock = utc_now) -> None:
        self._db = db
        self._clock = clock

    async def take(self, body: bytes) -> Dropped:
        """Carry out one order.

        Raises:
            InvalidRequest: the order does not have the agreed form, or a token is none.
            DatabaseUnavailable: nothing was dropped; send it again.
        """
        order = read(body)
        try:
            async with self._db.tenant(order.tenant) as session:
                places = await self._drop(session, order)
        except Conflict as error:  # a 4xx would make the outbox give this one up
            raise DatabaseUnavailable from error
        return Dropped(status="dropped", places=places)

    async def _drop(self, session: AsyncSession, order: ErasureOrder) -> int:
        now, data = self._clock(), order.data
        await tenants.ensure(session, order.tenant, now=now)
        places = await drop(session, data.subject, tokens=data.tokens, kept=data.kept, at=now)
        await repository.remember(
            session, tenant=order.tenant, subject=data.subject, kept=data.kept, dropped=places, at=now
        )
        contact = await repository.contact_of(session, data.subject)
        if contact is not None and places:
            row = timeline.event("person_erased", tenant=order.tenant, at=order.occurred_at, contact_id=contact)
            await timeline.record(session, row)
        return places


async def drop(session: AsyncSession, subject: str, *, tokens: list[str], kept: list[str], at: datetime) -> int:
    """The person's tokens, those named and those that stand with the person; gives how many places lost one."""
    places = await repository.drop_of_person(session, subject, kept=kept, at=at)
    places += await repository.drop_tokens(session, tokens)
    await repository.forget_answers(session, [subject, *tokens])
    return places


async def sweep(session: AsyncSession, *, now: datetime) -> None:
    """For an event of an order that was being applied while its person was erased. For the worker, now and then."""
    for subject, kept in await repository.erased_since(session, since=now - SWEPT_FOR):
        await repository.drop_of_person(session, subject, kept=kept, at=now)


def read(body: bytes) -> ErasureOrder:
    """Raises InvalidRequest."""
    try:
        order = _orders.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidRequest from error
    if parse_subject_shape(order.data.subject) is None:
        raise InvalidRequest(errors=[FieldProblem("/data/subject", "a subject id is expected here")])
    for name in ("tokens", "kept"):
        if any(parse_token_shape(token) is None for token in getattr(order.data, name)):
            raise InvalidRequest(errors=[FieldProblem(f"/data/{name}", "tokens are expected here")])
    return order
