"""What becomes of a message between the press and the vault, and of what the vault tells."""

from datetime import timedelta
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
from fastapi import APIRouter

from app.compose import build_intake
from app.errors import Conflict, Forbidden, IdempotencyConflict, InvalidRequest, NotFound
from app.kit.db import Database
from app.messages import hand_over, service
from app.messages.hand_over import GIVEN_UP_AFTER, Messages
from app.messages.service import Wish
from app.models import Message
from app.orders import service as orders
from app.services import AppServices
from pii_vault.client import VaultRefused, VaultUnreachable, new_id
from tests.integration.app.support import NOW, OTHER, TENANT, Clock, FakeRelay, Take, party, staff, subject, template
from tests.support.postgres import Database as Clone

NUMBER = {"number": "1001"}


@pytest.fixture
def messages(db: Database, relay: FakeRelay, clock: Clock) -> Messages:
    return Messages(db, relay, clock=clock)


async def ordered(take: Take, db: Database, *, role: str = "sales", seed: int = 1, **changes: Any) -> Message:
    """A message about an order's customer, written down and not handed over."""
    order_id = (await take(seed=seed)).order or ""
    async with db.tenant(TENANT) as session:
        contact = (await orders.get_order(session, order_id)).contact_id or ""
    parts: dict[str, Any] = {
        "id": new_id("msg"), "template": template(), "contact_id": contact, "order_id": order_id,
        "parameters": NUMBER,
    }  # fmt: skip
    return await order(db, Wish(**(parts | changes)), role=role)


async def order(db: Database, wish: Wish, *, role: str = "sales") -> Message:
    async with db.tenant(TENANT) as session:
        return await service.order(session, staff(role), wish, now=NOW)


async def now_is(db: Database, message: Message) -> tuple[str, str | None, int]:
    async with db.tenant(TENANT) as session:
        [found] = await service.of_contact(session, message.contact_id)
    return found.state, found.failure, found.change


def told(message: Message, **changes: Any) -> bytes:
    data = {"dispatch": f"dsp_{message.id[4:]}", "key": message.id, "state": "sent", "failure": None, "change": 1}
    event = {"id": new_id("rly"), "tenant": TENANT, "type": "dispatch.changed", "occurred_at": NOW}
    return msgspec.json.encode(event | {"data": data | changes})


async def test_the_vault_is_named_a_template_and_the_person_and_nothing_else(
    take: Take, db: Database, relay: FakeRelay, messages: Messages
) -> None:
    message = await messages.hand_over(await ordered(take, db))
    assert (message.state, message.dispatch) == ("queued", f"dsp_{message.id[4:]}")
    tenant, request = relay.sent[message.id]
    assert tenant == TENANT
    assert msgspec.to_builtins(request) == {
        "template": "order-sent", "version": 1, "digest": "d" * 64, "subject": subject(1),
        "parameters": {"number": "1001"},
    }  # fmt: skip


async def test_pressed_twice_it_is_one_message(
    take: Take, db: Database, relay: FakeRelay, messages: Messages, app_database: Clone
) -> None:
    message = await ordered(take, db)
    again = Wish(message.id, template(), message.contact_id, message.order_id, NUMBER)
    for pressed in (message, await order(db, again)):
        await messages.hand_over(pressed)
    assert list(relay.sent) == [message.id]
    with psycopg.connect(app_database.superuser_url) as connection:
        for table in ("message", "timeline_event WHERE kind = 'message_ordered'"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)  # noqa: S608
    with pytest.raises(IdempotencyConflict):
        await order(db, Wish(message.id, template("other"), message.contact_id, message.order_id, NUMBER))


@pytest.mark.parametrize(
    ("role", "purpose", "allowed"),
    [
        ("sales", "delivery", True), ("owner", "support", True), ("marketer", "delivery", False),
        ("warehouse", "delivery", False), ("officer", "delivery", False), ("marketer", "marketing", True),
        ("sales", "marketing", False), ("owner", "marketing", False), ("officer", "subject_request", True),
        ("sales", "subject_request", True), ("marketer", "subject_request", False),
    ],
)  # fmt: skip
async def test_who_may_have_what_sent(
    take: Take, db: Database, relay: FakeRelay, *, role: str, purpose: str, allowed: bool
) -> None:
    relay.offers = [template(purpose=purpose)]
    assert bool(await service.offered(relay, staff(role))) is allowed
    if allowed:
        await ordered(take, db, role=role, template=template(purpose=purpose))
    else:
        with pytest.raises(Forbidden):
            await ordered(take, db, role=role, template=template(purpose=purpose))


async def test_only_persons_of_the_order_and_of_the_shop_are_written_to(take: Take, db: Database) -> None:
    stranger = await ordered(take, db, seed=2)
    with pytest.raises(InvalidRequest):
        await ordered(take, db, contact_id=stranger.contact_id)
    with pytest.raises(NotFound):
        await ordered(take, db, contact_id="cnt_none")
    foreign = (await take(tenant=OTHER, contact=party(7, tenant=OTHER))).order
    with pytest.raises(NotFound):
        await ordered(take, db, order_id=foreign)


async def test_nobody_writes_to_an_erased_person(take: Take, db: Database, app_database: Clone) -> None:
    message = await ordered(take, db)
    with psycopg.connect(app_database.superuser_url) as connection:
        connection.execute("UPDATE contact SET erased_at = now()")
    with pytest.raises(Conflict):
        await order(db, Wish(new_id("msg"), template(), message.contact_id, None, NUMBER))


@pytest.mark.parametrize("code", ["consent_missing", "forbidden", "relay_budget_exceeded", "unknown_template"])
async def test_what_the_vault_refuses_is_refused_with_its_reason(
    take: Take, db: Database, relay: FakeRelay, messages: Messages, code: str
) -> None:
    relay.fails = VaultRefused(403, code, "Not this.")
    message = await messages.hand_over(await ordered(take, db))
    assert (message.state, message.failure) == ("refused", code)
    relay.fails = None
    assert await messages.hand_over_waiting() == 0


@pytest.mark.parametrize("failure", [VaultUnreachable(), VaultRefused(500, "internal_error", "x")])
async def test_what_could_not_be_handed_over_is_tried_again_under_the_same_key(
    take: Take, db: Database, relay: FakeRelay, messages: Messages, *, clock: Clock, failure: Exception
) -> None:
    relay.fails = failure
    message = await messages.hand_over(await ordered(take, db))
    assert message.state == "new"
    assert await messages.hand_over_waiting() == 0  # whoever ordered it may be at it still
    clock.turn(timedelta(minutes=1))
    await messages.hand_over_waiting()
    assert (await now_is(db, message))[0] == "new"
    relay.fails = None
    await messages.hand_over_waiting()
    assert list(relay.sent) == [message.id]
    assert (await now_is(db, message))[0] == "queued"


async def test_one_that_the_vault_chokes_on_holds_up_no_other(
    take: Take, db: Database, relay: FakeRelay, messages: Messages, clock: Clock
) -> None:
    choking, other = await ordered(take, db), await ordered(take, db, seed=2)
    relay.chokes_on = {choking.id}
    clock.turn(timedelta(minutes=1))
    assert await messages.hand_over_waiting() == 2
    assert ((await now_is(db, choking))[0], (await now_is(db, other))[0]) == ("new", "queued")


async def test_more_than_fit_at_once_that_it_chokes_on_hold_up_none_either(
    take: Take, db: Database, relay: FakeRelay, messages: Messages, *, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hand_over, "AT_ONCE", 1)
    choking, other = await ordered(take, db), await ordered(take, db, seed=2)
    relay.chokes_on = {choking.id}
    clock.turn(timedelta(minutes=1))
    assert await messages.hand_over_waiting() == 2
    assert (await now_is(db, other))[0] == "queued"


async def test_while_the_vault_is_away_one_is_tried(
    take: Take, db: Database, relay: FakeRelay, messages: Messages, clock: Clock
) -> None:
    for seed in (1, 2):
        await ordered(take, db, seed=seed)
    relay.fails = VaultUnreachable()
    clock.turn(timedelta(minutes=1))
    assert await messages.hand_over_waiting() == 0
    assert relay.tried == 1


async def test_a_code_of_another_form_is_not_kept(
    take: Take, db: Database, relay: FakeRelay, messages: Messages
) -> None:
    relay.fails = VaultRefused(422, "Анна, +79161234567", "x")
    assert (await messages.hand_over(await ordered(take, db))).failure == "refused"


async def test_after_a_day_it_is_given_up_visibly(
    take: Take, db: Database, relay: FakeRelay, messages: Messages, clock: Clock
) -> None:
    relay.fails = VaultUnreachable()
    message = await ordered(take, db)
    clock.turn(GIVEN_UP_AFTER + timedelta(minutes=1))
    await messages.hand_over_waiting()
    assert await now_is(db, message) == ("refused", "not_handed_over", 0)


async def test_states_come_back_by_number_and_an_old_one_changes_nothing(
    take: Take, db: Database, messages: Messages
) -> None:
    message = await ordered(take, db)
    assert (await messages.take(told(message, state="sent", change=1))).status == "noted"
    assert (await messages.take(told(message, state="bounced", change=3))).status == "noted"
    assert (await messages.take(told(message, state="delivered", change=2))).status == "stale"
    assert await now_is(db, message) == ("bounced", None, 3)
    await messages.hand_over(message)  # its own answer comes late
    assert await now_is(db, message) == ("bounced", None, 3)
    assert (await messages.take(told(message, key=new_id("msg")))).status == "unknown"


async def test_what_another_shop_is_told_changes_nothing_here(take: Take, db: Database, messages: Messages) -> None:
    message = await ordered(take, db)
    await take(tenant=OTHER)
    foreign = msgspec.json.decode(told(message)) | {"tenant": OTHER}
    assert (await messages.take(msgspec.json.encode(foreign))).status == "unknown"
    assert (await now_is(db, message))[0] == "new"


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "opened"}, {"failure": "Анна, +79161234567"}, {"change": -1}, {"dispatch": "x"},
        {"recipient": "anna@example.ru"}, {"change": "1"},
    ],
)  # fmt: skip
async def test_what_has_another_form_is_refused(
    take: Take, db: Database, messages: Messages, changes: dict[str, Any]
) -> None:
    message = await ordered(take, db)
    with pytest.raises(InvalidRequest):
        await messages.take(told(message, **changes))
    assert (await now_is(db, message))[0] == "new"


async def test_the_intake_listener_takes_it_from_the_outbox_alone(
    take: Take, db: Database, services: AppServices
) -> None:
    message = await ordered(take, db)
    app = build_intake(services, witness=APIRouter())
    for peer, status in ((("public", "crm"), 403), (None, 403), (("private", "outbox"), 200)):

        async def peered(scope: Any, receive: Any, send: Any, *, peer: Any = peer) -> None:
            await app(scope | {"larets.peer": peer}, receive, send)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(peered), base_url="https://intake") as client:
            answer = await client.post("/intake/v1/dispatches", content=told(message))
        assert answer.status_code == status
    assert (await now_is(db, message))[0] == "sent"
