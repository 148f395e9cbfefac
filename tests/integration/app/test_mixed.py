"""Texts with tokens in place in the public contour: what is taken, stored, shown, and dropped."""

from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError, StatementError

from app.erasures.service import Erasures
from app.errors import PersonalDataInClear
from app.kit.db import Database
from app.models import Contact, Order, TimelineEvent
from pii_vault.client import new_id
from tests.integration.app.support import NOW, TENANT, Call, Clock, Take, subject, token
from tests.support.postgres import Database as Clone

MIXED = f"Позвоните мужу, {token('name', 1)}, {token('phone', 1)}, код 45К"
BAD = {
    "no token": "Позвоните мужу, код 45К",
    "a phone beside a token": f"{token('name', 1)}, 8 916 441 77 23",
    "a phone in other digits": f"{token('name', 1)}, ８９１６４４１７７２３",
    "an address of mail": f"{token('name', 1)}, anna@example.ru",
    "half a token": token("name", 1)[:-1],
}


async def test_an_order_brings_its_note_with_tokens_in_place(take: Take, call: Call) -> None:
    order = (await take(note_mixed=MIXED)).order
    assert (await call("GET", f"/orders/{order}")).json()["note_mixed"] == MIXED
    await take(sequence=2)  # the switch is off now: the next change takes the words back
    shown = (await call("GET", f"/orders/{order}")).json()
    assert shown["note_mixed"] is None
    assert shown["note_token"] is not None


@pytest.mark.parametrize("mixed", BAD.values(), ids=BAD)
async def test_what_is_no_mixed_text_is_refused_with_the_whole_event(take: Take, db: Database, mixed: str) -> None:
    with pytest.raises(PersonalDataInClear):
        await take(note_mixed=mixed)
    async with db.tenant(TENANT) as session:
        assert (await session.scalars(select(Order))).all() == []


async def test_words_without_the_token_of_the_whole_are_refused(take: Take) -> None:
    with pytest.raises(PersonalDataInClear):
        await take(note_token=None, note_mixed=MIXED)


@pytest.mark.parametrize("mixed", BAD.values(), ids=BAD)
async def test_the_column_refuses_it_whoever_writes(take: Take, db: Database, mixed: str) -> None:
    await take()
    with pytest.raises(StatementError) as caught:
        async with db.tenant(TENANT) as session:
            await session.execute(update(Order).values(note_mixed=mixed))
    assert mixed not in str(caught.value.orig)


async def test_the_database_refuses_words_without_a_token_by_itself(take: Take, app_database: Clone) -> None:
    await take()
    with psycopg.connect(app_database.superuser_url) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("UPDATE orders SET note_mixed = 'Ольга, 8 916 441 77 23'")
    with psycopg.connect(app_database.superuser_url) as connection:
        connection.execute("UPDATE orders SET note_mixed = %s", [MIXED])


async def test_history_is_not_rewritten(take: Take, db: Database) -> None:
    await take()
    async with db.tenant(TENANT) as session:
        await session.execute(text("UPDATE timeline_event SET mixed = NULL"))
    with pytest.raises(DBAPIError):
        async with db.tenant(TENANT) as session:
            await session.execute(text("UPDATE timeline_event SET kind = 'x'"))


@pytest.mark.parametrize("mixed", [None, MIXED])
async def test_staff_add_notes_to_orders_and_contacts(take: Take, call: Call, mixed: str | None) -> None:
    order = (await take()).order
    body = {"token": token("text", 9)} | ({"mixed": mixed} if mixed else {})
    added = await call("POST", f"/orders/{order}/notes", json=body)
    assert added.status_code == 201
    contact = added.json()["contact_id"]
    current = await call("GET", f"/contacts/{contact}")
    body = {"note_token": token("text", 10)} | ({"note_mixed": mixed} if mixed else {})
    changed = await call("PATCH", f"/contacts/{contact}", json=body, headers={"if-match": current.headers["etag"]})
    assert (changed.status_code, changed.json()["note_mixed"]) == (200, mixed)
    events = (await call("GET", f"/contacts/{contact}/timeline")).json()["data"]
    assert [event["mixed"] for event in events if event["kind"] == "note_added"] == [mixed, mixed]
    body = {"note_token": token("text", 11)}
    later = await call("PATCH", f"/contacts/{contact}", json=body, headers={"if-match": changed.headers["etag"]})
    assert later.json()["note_mixed"] is None  # the new note has no such form, and the old one's is gone


@pytest.mark.parametrize("mixed", BAD.values(), ids=BAD)
async def test_staff_cannot_put_words_in_clear(take: Take, call: Call, mixed: str) -> None:
    order = (await take()).order
    answer = await call("POST", f"/orders/{order}/notes", json={"token": token("text", 9), "mixed": mixed})
    assert answer.status_code == 422
    assert mixed not in answer.text


async def test_it_stands_only_beside_the_whole(take: Take, call: Call) -> None:
    order = (await call("GET", f"/orders/{(await take()).order}")).json()
    current = await call("GET", f"/contacts/{order['contact_id']}")
    headers = {"if-match": current.headers["etag"]}
    answer = await call("PATCH", f"/contacts/{order['contact_id']}", json={"note_mixed": MIXED}, headers=headers)
    assert answer.status_code == 422


async def test_an_erased_persons_words_go_everywhere(
    take: Take, call: Call, db: Database, clock: Clock, app_database: Clone
) -> None:
    order = (await take(note_mixed=MIXED)).order
    await call("POST", f"/orders/{order}/notes", json={"token": token("text", 9), "mixed": MIXED})
    contact = (await call("GET", f"/orders/{order}")).json()["contact_id"]
    current = await call("GET", f"/contacts/{contact}")
    body = {"note_token": token("text", 10), "note_mixed": MIXED}
    await call("PATCH", f"/contacts/{contact}", json=body, headers={"if-match": current.headers["etag"]})
    columns = ((Order, Order.note_mixed), (Contact, Contact.note_mixed), (TimelineEvent, TimelineEvent.mixed))
    assert await _standing(db, columns) == [1, 1, 2]
    tokens = [token("text", seed) for seed in (1, 9, 10)] + [token("name", 1), token("phone", 1)]
    erasure: dict[str, Any] = {
        "id": new_id("ers"),
        "tenant": TENANT,
        "type": "subject.erased",
        "occurred_at": NOW,
        "data": {"subject": subject(1), "kept": [], "tokens": tokens},
    }
    await Erasures(db, clock=clock).take(msgspec.json.encode(erasure))
    assert await _standing(db, columns) == [0, 0, 0]
    with psycopg.connect(app_database.superuser_url) as connection:
        for table in ("orders", "contact", "timeline_event", "idempotency_key"):
            found = sql.SQL("SELECT count(*) FROM {} t WHERE t::text LIKE %s").format(sql.Identifier(table))
            assert connection.execute(found, ["%Позвоните мужу%"]).fetchone() == (0,), table
    late = await take(sequence=2, note_mixed=MIXED)  # an event that was on its way meanwhile
    assert (await call("GET", f"/orders/{late.order}")).json()["note_mixed"] is None


async def _standing(db: Database, columns: Any) -> list[int]:
    async with db.tenant(TENANT) as session:
        return [
            len((await session.scalars(select(model).where(column.is_not(None)))).all()) for model, column in columns
        ]
