"""Events of the private contour become orders, exactly once and in order."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest
from sqlalchemy import event as engine_event
from sqlalchemy import select, text

from app.errors import Conflict, DatabaseUnavailable, InvalidRequest, LostRace, PersonalDataInClear
from app.intake.service import Intake
from app.kit.db import Database
from app.models import Contact, ContactToken, Order, OrderItem, OrderToken, TimelineEvent
from app.orders import service as orders
from tests.integration.app.support import OTHER, TENANT, Clock, Take, order_event, party, staff, subject, token
from tests.support.persons import person
from tests.support.postgres import Database as Clone


async def _all(db: Database, model: Any, *, tenant: str = TENANT) -> list[Any]:
    async with db.tenant(tenant) as session:
        return list((await session.scalars(select(model))).all())


async def test_a_new_order_brings_its_contact_items_tokens_and_history(take: Take, db: Database) -> None:
    taken = await take()
    assert taken.status == "applied"
    (order,) = await _all(db, Order)
    assert (order.id, order.number, str(order.total), order.status) == (taken.order, "1001", "3980.00", "processing")
    (contact,) = await _all(db, Contact)
    assert contact.subject == subject(1)
    assert order.contact_id == contact.id
    assert {row.class_id for row in await _all(db, ContactToken)} == {"name", "phone", "email", "address"}
    assert {row.token for row in await _all(db, OrderToken)} == {row.token for row in await _all(db, ContactToken)}
    (item,) = await _all(db, OrderItem)
    assert (item.sku, str(item.price)) == ("TEA-100", "1845.00")
    (event,) = await _all(db, TimelineEvent)
    assert (event.kind, event.data, event.actor_id) == ("order_created", {"status": "processing"}, None)


async def test_the_same_event_again_is_a_duplicate(take: Take, db: Database) -> None:
    event = order_event()
    first = await take(event)
    again = await take(event)
    assert (again.status, again.order) == ("duplicate", first.order)
    assert len(await _all(db, TimelineEvent)) == 1


async def test_an_older_event_is_stale(take: Take, db: Database) -> None:
    await take(sequence=5, status="completed")
    late = await take(sequence=4, status="pending")
    assert late.status == "stale"
    (order,) = await _all(db, Order)
    assert (order.status, order.sequence) == ("completed", 5)


async def test_an_update_replaces_items_and_records_the_status(take: Take, db: Database) -> None:
    await take()
    await take(sequence=2, status="completed", items=[])
    assert await _all(db, OrderItem) == []
    kinds = [event.kind for event in await _all(db, TimelineEvent)]
    assert sorted(kinds) == ["order_created", "status_changed"]


async def test_a_deletion_keeps_the_order_marked(take: Take, db: Database) -> None:
    await take()
    gone = await take(sequence=2, kind="order.deleted")
    assert gone.status == "applied"
    (order,) = await _all(db, Order)
    assert order.deleted_at is not None
    back = await take(sequence=3)
    assert back.order == gone.order
    (order,) = await _all(db, Order)
    assert order.deleted_at is None


async def test_a_deletion_of_an_unknown_order_is_stale(take: Take) -> None:
    assert (await take(kind="order.deleted")).status == "stale"


async def test_two_orders_of_one_subject_are_one_contact(take: Take, db: Database) -> None:
    await take(seed=1)
    await take(seed=2, contact=party(1))
    assert len(await _all(db, Contact)) == 1
    assert len(await _all(db, Order)) == 2


async def test_the_newest_address_is_the_contacts_and_each_order_keeps_its_own(take: Take, db: Database) -> None:
    await take(seed=1)
    moved = party(1)
    moved["tokens"]["address"] = [token("address", 99)]
    await take(seed=2, contact=moved)
    addresses = [row.token for row in await _all(db, ContactToken) if row.class_id == "address"]
    assert addresses == [token("address", 99)]
    kept = {row.token for row in await _all(db, OrderToken) if row.class_id == "address"}
    assert kept == {token("address", 1), token("address", 99)}


async def test_a_recipient_is_a_contact_of_its_own(take: Take, db: Database) -> None:
    await take(recipient=party(7))
    (order,) = await _all(db, Order)
    assert order.recipient_id not in (None, order.contact_id)
    async with db.tenant(TENANT) as session:
        card = await orders.get_order(session, order.id)
    assert card.recipient_tokens["phone"] == [token("phone", 7)]
    assert card.contact_tokens["phone"] == [token("phone", 1)]


async def test_a_status_set_by_staff_outlives_an_update_that_does_not_change_the_shops(
    take: Take, db: Database, clock: Clock
) -> None:
    order_id = (await take()).order
    assert order_id is not None
    async with db.tenant(TENANT) as session:
        await orders.change_status(
            session, staff(), order_id, status="completed", version=None, now=clock() + timedelta(minutes=1)
        )
    await take(sequence=2, city="Калуга")
    (order,) = await _all(db, Order)
    assert (order.status, order.city) == ("completed", "Калуга")
    await take(sequence=3, status="refunded")
    (order,) = await _all(db, Order)
    assert order.status == "refunded"


async def test_tenants_do_not_see_each_others_orders(take: Take, db: Database) -> None:
    await take()
    await take(tenant=OTHER)
    assert len(await _all(db, Order)) == 1
    assert len(await _all(db, Order, tenant=OTHER)) == 1
    assert await _all(db, Order, tenant="third-shop") == []


REFUSED: dict[str, dict[str, Any]] = {
    "a value instead of a token": {"contact": {"subject": subject(1), "tokens": {"phone": [person(1).phone]}}},
    "a token of another class": {"contact": {"subject": subject(1), "tokens": {"phone": [token("email", 1)]}}},
    "a name instead of a subject": {"contact": {"subject": person(1).name, "tokens": {}}},
    "a note in clear": {"note_token": "позвоните вечером"},
    "a note of another class": {"note_token": token("phone", 1)},
    "money as a number": {"total": 3980.0},
    "a bare time": {"created_at": "2026-11-20T08:00:00"},
    "an unknown field": {"billing_phone": person(1).phone},
    "a phone as the shop's id": {"number": "79161234567"},
}


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED)
async def test_what_does_not_have_the_agreed_form_is_refused(take: Take, db: Database, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await take(**change)
    assert person(1).phone not in str(refused.value)
    assert await _all(db, Order) == []


IN_CLEAR: dict[str, dict[str, Any]] = {
    "email in the city": {"city": person(1).email},
    "phone in a mark": {"source": {"utm_content": person(1).phone}},
    "phone in a title": {"delivery_method": {"code": "cdek", "title": f"Позвонить {person(1).phone}"}},
    "phone in a sku": {"items": [{**order_event()["data"]["items"][0], "sku": person(1).phone}]},
}


@pytest.mark.parametrize("change", IN_CLEAR.values(), ids=IN_CLEAR)
async def test_personal_data_in_a_plain_text_is_refused(take: Take, db: Database, change: dict[str, Any]) -> None:
    with pytest.raises(PersonalDataInClear):
        await take(**change)
    assert await _all(db, Order) == []


async def test_broken_json_is_refused(intake: Intake) -> None:
    with pytest.raises(InvalidRequest):
        await intake.take(b'{"id":')


async def test_an_unknown_field_of_the_envelope_is_refused(intake: Intake) -> None:
    with pytest.raises(InvalidRequest):
        await intake.take(msgspec.json.encode(order_event() | {"extra": 1}))


async def test_a_lost_race_asks_for_the_event_again(take: Take, intake: Intake, app_database: Clone) -> None:
    await take()
    intake._tenants.add(OTHER)  # seen before, and since then gone from the database
    with pytest.raises(DatabaseUnavailable):
        await take(tenant=OTHER)
    assert (await take(tenant=OTHER)).status == "applied"
    with psycopg.connect(app_database.superuser_url) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (2,)


async def test_two_orders_of_a_new_person_at_once_are_one_contact(take: Take, db: Database) -> None:
    """Whoever comes second is sent again by the outbox; nothing becomes a dead letter."""
    events = [order_event(seed, contact=party(1)) for seed in (1, 2, 3, 4)]
    for _ in range(len(events)):
        done = await asyncio.gather(*(take(event) for event in events), return_exceptions=True)
        lost = [answer for answer in done if isinstance(answer, BaseException)]
        assert all(isinstance(answer, DatabaseUnavailable) for answer in lost)
        if not lost:
            break
    assert len(await _all(db, Order)) == 4
    assert len(await _all(db, Contact)) == 1


async def test_rows_that_no_rule_allows_are_refused_for_good(take: Take, db: Database, app_database: Clone) -> None:
    """503 would send such an event for ever, and hold up the later ones of its order."""
    with psycopg.connect(app_database.superuser_url) as connection:
        connection.execute("ALTER TABLE orders ADD CONSTRAINT nowhere CHECK (city <> 'Тверь')")
    with pytest.raises(Conflict) as refused:
        await take()
    assert not isinstance(refused.value, LostRace)
    assert refused.value.status_code == 409
    assert await _all(db, Order) == []
    assert (await take(city="Калуга")).status == "applied"


@pytest.mark.parametrize(
    ("changes", "statements"),
    [
        ({}, 3),  # bind and lock, read, write
        ({"contact": party(1)}, 5),  # and the known contact's tokens and version
        ({"recipient": party(9)}, 3),
    ],
)
async def test_a_new_order_costs_a_handful_of_round_trips(
    take: Take, db: Database, changes: dict[str, Any], statements: int
) -> None:
    await take(seed=1)  # the tenant and the first contact are here
    sent: list[str] = []
    engine_event.listen(db._engine.sync_engine, "before_cursor_execute", lambda *given: sent.append(given[2]))
    await take(seed=2, **changes)
    assert len(sent) == statements


async def test_nothing_is_visible_without_a_tenant(take: Take, db: Database) -> None:
    await take()
    async with db.anonymous() as session:
        assert (await session.execute(text("SELECT count(*) FROM orders"))).scalar() == 0


async def test_an_order_that_gets_another_buyer_names_the_new_contact(take: Take, app_database: Clone) -> None:
    await take(order_event(1))
    assert (await take(order_event(1, sequence=2, contact=party(2), recipient=party(3)))).status == "applied"
    with psycopg.connect(app_database.superuser_url) as connection:
        rows = connection.execute(
            "SELECT c.subject, r.subject FROM orders o JOIN contact c ON c.id = o.contact_id "
            "JOIN contact r ON r.id = o.recipient_id"
        ).fetchall()
    assert rows == [(subject(2), subject(3))]
