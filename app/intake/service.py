"""One event of the private contour becomes the state of one order, in one transaction, exactly once."""

from decimal import Decimal
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from app.edge_guard.detect import personal_classes
from app.errors import DatabaseUnavailable, FieldProblem, InvalidRequest, LostRace, PersonalDataInClear
from app.intake import repository
from app.intake.batch import Batch
from app.intake.persons import Persons, store_contacts, store_order_tokens, subjects_of, without_erased
from app.intake.repository import KnownOrder
from app.intake.schemas import Event, OrderData, Party, Taken
from app.kit.clock import Clock, utc_now
from app.kit.db import Database
from app.tenants import service as tenants
from app.timeline import service as timeline
from pii_vault.client import is_mixed, new_id, parse_subject_shape, parse_token_shape

_events: Final = msgspec.json.Decoder(Event)
_orders: Final = msgspec.json.Decoder(OrderData)


class Intake:
    """Applies events. Remembers which tenants it has seen, so that their row is made sure of once per process."""

    def __init__(self, db: Database, *, clock: Clock = utc_now) -> None:
        self._db = db
        self._clock = clock
        self._tenants: set[str] = set()

    async def take(self, body: bytes) -> Taken:
        """Apply one event.

        Raises:
            InvalidRequest: the event does not have the agreed form, or a token is none.
            PersonalDataInClear: a plain text of it holds personal data.
            Conflict: a rule of the database forbids these very rows: the outbox puts the event aside for a person.
            DatabaseUnavailable: nothing was stored; send it again.
        """
        event, data = read(body)
        try:
            return await self._apply(event, data)
        except LostRace as error:
            # Another event of the same shop was quicker. A 4xx would make the outbox give this one up.
            self._tenants.discard(event.tenant)
            raise DatabaseUnavailable from error

    async def _apply(self, event: Event, data: OrderData | None) -> Taken:
        # One event of an object at a time, also before the object has a row that could be locked.
        async with self._db.tenant(event.tenant, hold=f"{event.connection}/{event.external_id}") as session:
            before = await repository.before(
                session,
                event=event.id,
                connection_id=event.connection,
                external_id=event.external_id,
                subjects=subjects_of(data),
            )
            if before.applied_to is not None:
                return Taken(status="duplicate", order=before.applied_to)
            if before.order is not None and event.sequence <= before.order.sequence:
                return Taken(status="stale", order=before.order.id)
            batch = Batch()
            if data is None:
                order_id = await self._delete(session, batch, event, before.order)
            else:
                if event.tenant not in self._tenants:
                    await tenants.ensure(session, event.tenant, now=self._clock())
                allowed = without_erased(data, before.erased)
                order_id = await self._upsert(session, batch, event, allowed, before)
            if order_id is None:
                return Taken(status="stale", order=None)
            remembered = {"tenant_id": event.tenant, "id": event.id, "order_id": order_id}
            batch.add("intake_event", remembered | {"received_at": self._clock()})
            await batch.write(session)
        self._tenants.add(event.tenant)
        return Taken(status="applied", order=order_id)

    async def _upsert(
        self, session: AsyncSession, batch: Batch, event: Event, data: OrderData, before: repository.Before
    ) -> str:
        now, known = self._clock(), before.order
        order_id = known.id if known else new_id("ord")
        persons = await store_contacts(
            session, batch, event.tenant, data, known=before.contacts, new_order=known is None, at=now
        )
        values = _columns(event, data, persons) | {"updated_at": now}
        if known is None:
            origin = {"connector": event.connector, "connection_id": event.connection}
            first = {"tenant_id": event.tenant, "id": order_id, "external_id": event.external_id, "version": 1}
            status = {"status": data.status, "created_at": now}
            batch.add("orders", values | origin | first | status)
        else:
            values["status"] = known.status if data.status == known.shop_status else data.status
            batch.after(
                lambda: repository.update_order(session, order_id, values)
            )  # it may name a contact of the batch
        await _replace_items(session, batch, order_id, _items(event.tenant, order_id, data), fresh=known is None)
        await store_order_tokens(session, batch, event.tenant, order_id, data, new_order=known is None)
        kind, change = _what_happened(data, known)
        _record(batch, event, kind, order_id=order_id, contact_id=persons.contact_id, change=change)
        return order_id

    async def _delete(self, session: AsyncSession, batch: Batch, event: Event, known: KnownOrder | None) -> str | None:
        if known is None:
            return None
        values = {"deleted_at": event.occurred_at, "sequence": event.sequence, "updated_at": self._clock()}
        await repository.update_order(session, known.id, values)
        _record(batch, event, "order_deleted", order_id=known.id, contact_id=known.contact_id, change={})
        return known.id


async def _replace_items(
    session: AsyncSession, batch: Batch, order_id: str, items: list[dict[str, Any]], *, fresh: bool
) -> None:
    """Most updates of an order leave its items as they are; then nothing is written."""
    if not fresh:
        if await repository.items(session, order_id) == items:
            return
        await repository.drop_items(session, order_id)
    batch.add("order_item", *items)


def _record(
    batch: Batch, event: Event, kind: str, *, order_id: str, contact_id: str | None, change: dict[str, str]
) -> None:
    row = timeline.event(
        kind, tenant=event.tenant, at=event.occurred_at, order_id=order_id, contact_id=contact_id, data=change
    )
    batch.add("timeline_event", row)


def read(body: bytes) -> tuple[Event, OrderData | None]:
    """The event of this body, and its order; None of a deletion. Raises InvalidRequest, PersonalDataInClear."""
    try:
        event = _events.decode(body)
        if event.type == "order.deleted":
            return event, None
        data = _orders.decode(event.data)
    except (msgspec.DecodeError, RecursionError) as error:
        # The decoder's message can repeat an unknown field's name, which is the sender's text.
        raise InvalidRequest from error
    for name, party in (("contact", data.contact), ("recipient", data.recipient)):
        if party is not None:
            _require_tokens(party, pointer=f"/data/{name}")
    for name, token in (("note_token", data.note_token), ("rest_token", data.rest_token)):
        if token is not None:
            _require_token(token, "text", pointer=f"/data/{name}")
    if data.note_mixed is not None and (data.note_token is None or not is_mixed(data.note_mixed)):
        raise PersonalDataInClear
    if personal_classes(data.plain_texts()):
        raise PersonalDataInClear
    return event, data


def _require_tokens(party: Party, *, pointer: str) -> None:
    if parse_subject_shape(party.subject) is None:
        raise InvalidRequest(errors=[FieldProblem(f"{pointer}/subject", "a subject id is expected here")])
    for class_id, tokens in party.tokens.items():
        for token in tokens:
            _require_token(token, class_id, pointer=f"{pointer}/tokens/{class_id}")


def _require_token(token: str, class_id: str, *, pointer: str) -> None:
    shape = parse_token_shape(token)
    if shape is None or shape.class_id != class_id:
        raise InvalidRequest(errors=[FieldProblem(pointer, f"a token of class {class_id} is expected here")])


def _what_happened(data: OrderData, known: KnownOrder | None) -> tuple[str, dict[str, str]]:
    if known is None:
        return "order_created", {"status": data.status}
    if data.status not in {known.shop_status, known.status}:
        return "status_changed", {"from": known.status, "to": data.status}
    return "order_updated", {}


def _columns(event: Event, data: OrderData, persons: Persons) -> dict[str, Any]:
    payment, delivery = data.payment_method, data.delivery_method
    return {
        "sequence": event.sequence,
        "number": data.number,
        "shop_status": data.status,
        "currency": data.currency,
        "total": Decimal(data.total),
        "shipping_total": Decimal(data.shipping_total),
        "discount_total": Decimal(data.discount_total),
        "source": data.source,
        "payment_code": payment.code if payment else None,
        "payment_title": payment.title if payment else None,
        "delivery_code": delivery.code if delivery else None,
        "delivery_title": delivery.title if delivery else None,
        "city": data.city,
        "contact_id": persons.contact_id,
        "recipient_id": persons.recipient_id,
        "note_token": data.note_token,
        "rest_token": data.rest_token,
        "note_mixed": data.note_mixed,
        "placed_at": data.created_at,
        "shop_modified_at": data.modified_at,
        "deleted_at": None,
    }


def _items(tenant: str, order_id: str, data: OrderData) -> list[dict[str, Any]]:
    return [
        {
            "tenant_id": tenant,
            "order_id": order_id,
            "position": position,
            "external_id": item.external_id,
            "product_id": item.product_id,
            "sku": item.sku,
            "title": item.title,
            "quantity": Decimal(item.quantity),
            "price": Decimal(item.price),
            "total": Decimal(item.total),
        }
        for position, item in enumerate(data.items)
    ]
