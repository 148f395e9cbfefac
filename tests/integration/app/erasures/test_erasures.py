"""An erased person leaves the public contour: every table, and every event still on its way."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
from fastapi import APIRouter
from psycopg import sql

from app.compose import build_intake
from app.erasures.repository import token_columns
from app.erasures.service import Erasures, sweep
from app.errors import InvalidRequest
from app.kit.db import Database
from app.services import AppServices
from pii_vault.client import new_id
from tests.integration.app.support import NOW, TENANT, Call, Clock, Take, order_event, party, subject, token
from tests.support.postgres import Database as Clone

BUYER = subject(1)


def order(*, kept: tuple[str, ...] = (), tokens: tuple[str, ...] = (), **changes: Any) -> bytes:
    return msgspec.json.encode(
        {
            "id": new_id("ers"),
            "tenant": TENANT,
            "type": "subject.erased",
            "occurred_at": NOW,
            "data": {"subject": BUYER, "kept": kept, "tokens": tokens},
        }
        | changes
    )


@pytest.fixture
def erasures(db: Database, clock: Clock) -> Erasures:
    return Erasures(db, clock=clock)


def places(database: Clone, *tokens: str) -> list[str]:
    """Where any of these tokens stands, as the superuser sees it: every text, array and byte column of every table."""
    found = []
    with psycopg.connect(database.superuser_url) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
        ).fetchall()
        for table, column, kind in columns:
            text = sql.SQL("convert_from({}, 'UTF8')" if kind == "bytea" else "{}::text").format(sql.Identifier(column))
            query = sql.SQL("SELECT count(*) FROM {} WHERE {} LIKE ANY(%s)").format(sql.Identifier(table), text)
            if table in {"witness_log", "witness_checkpoint", "staff_session"} or table.startswith("procrastinate"):
                continue
            row = connection.execute(query, [[f"%{each}%" for each in tokens]]).fetchone()
            if row and row[0]:
                found.append(f"{table}.{column}")
    return sorted(found)


async def test_every_token_of_the_person_is_dropped_and_the_order_stays(
    take: Take, erasures: Erasures, app_database: Clone, call: Call
) -> None:
    applied = await take(seed=1)
    mine = [each for tokens in party(1)["tokens"].values() for each in tokens] + [token("text", 1)]
    assert places(app_database, *mine) == ["contact_token.token", "order_token.token", "orders.note_token"]
    done = await erasures.take(order(tokens=tuple(mine)))
    assert done.places == 9  # four at the contact, four at the order, one note
    assert places(app_database, *mine) == []
    shown = (await call("GET", f"/orders/{applied.order}")).json()
    assert shown["total"] == "3980.00"
    assert shown["note_token"] is None
    again = await erasures.take(order(tokens=tuple(mine)))
    assert again.places == 0


async def test_what_the_law_keeps_stays_and_nothing_else(take: Take, erasures: Erasures, app_database: Clone) -> None:
    await take(seed=1)
    names = tuple(party(1)["tokens"]["name"])
    await erasures.take(order(kept=names))
    assert places(app_database, *names) == ["contact_token.token", "erased_subject.kept", "order_token.token"]
    assert places(app_database, *party(1)["tokens"]["phone"]) == []


async def test_an_event_that_was_on_its_way_brings_nothing_back(
    take: Take, erasures: Erasures, app_database: Clone
) -> None:
    await take(seed=1)
    names = tuple(party(1)["tokens"]["name"])
    await erasures.take(order(kept=names, tokens=(token("text", 1),)))
    assert (await take(order_event(1, sequence=2, status="completed"))).status == "applied"
    rest = [each for name, tokens in party(1)["tokens"].items() if name != "name" for each in tokens]
    assert places(app_database, *rest, token("text", 1)) == []
    assert "order_token.token" in places(app_database, *names)


async def test_another_persons_tokens_stay(take: Take, erasures: Erasures, app_database: Clone) -> None:
    await take(order_event(1, recipient=party(2)))
    await erasures.take(order())
    assert places(app_database, *party(2)["tokens"]["phone"]) == ["contact_token.token", "order_token.token"]
    assert places(app_database, *party(1)["tokens"]["phone"]) == []


async def test_a_token_outside_the_persons_own_rows_goes_too(
    take: Take, erasures: Erasures, app_database: Clone, call: Call
) -> None:
    applied = await take(seed=1)
    note = token("text", 77)
    answer = await call("POST", f"/orders/{applied.order}/notes", json={"token": note})
    assert answer.status_code < 300, answer.text
    assert places(app_database, note)
    await erasures.take(order(tokens=(note,)))
    assert places(app_database, note) == []


async def test_the_sweep_finds_what_slipped_in(
    take: Take, erasures: Erasures, app_database: Clone, db: Database
) -> None:
    await take(seed=1)
    phone = party(1)["tokens"]["phone"][0]
    await erasures.take(order())
    with psycopg.connect(app_database.superuser_url) as connection:
        connection.execute(
            "INSERT INTO contact_token SELECT tenant_id, id, %s, 'phone', 'shop', 0 FROM contact WHERE subject = %s",
            [phone, BUYER],
        )
    assert places(app_database, phone)
    async with db.tenant(TENANT) as session:
        await sweep(session, now=NOW)
    assert places(app_database, phone) == []


def test_every_column_of_tokens_is_known(app_database: Clone) -> None:
    """The check that refuses anything but a token is what makes a column one; each such column is dropped from."""
    with psycopg.connect(app_database.superuser_url) as connection:
        checked = connection.execute(
            "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE contype = 'c' AND pg_get_constraintdef(oid) LIKE '%tok\\_%'"
        ).fetchall()
    known = {(table.name, column.name) for table, column in token_columns()}
    assert len(checked) >= 5
    for table, rule in checked:
        assert any(name == table and f"({column} ~" in rule for name, column in known), (table, rule)


@pytest.mark.parametrize(
    "broken",
    [
        {"type": "subject.forgotten"},
        {"data": {"subject": "sub_x", "kept": [], "tokens": []}},
        {"data": {"subject": BUYER, "kept": [], "tokens": ["+79161234567"]}},
        {"data": {"subject": BUYER, "kept": ["Анна"], "tokens": []}},
        {"more": 1},
    ],
)
async def test_what_is_not_an_order_is_refused(erasures: Erasures, broken: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        await erasures.take(order(**broken))


@pytest.fixture
async def listener(services: AppServices) -> AsyncIterator[httpx.AsyncClient]:
    app = build_intake(services, witness=APIRouter())

    async def from_outbox(scope: Any, receive: Any, send: Any) -> None:
        await app(scope | {"larets.peer": ("private", services.settings.outbox_name)}, receive, send)

    transport = httpx.ASGITransport(from_outbox)
    async with httpx.AsyncClient(transport=transport, base_url="https://intake.test") as client:
        yield client


async def test_the_answer_to_the_outbox_is_the_acknowledgement(listener: httpx.AsyncClient) -> None:
    answer = await listener.post("/intake/v1/erasures", content=order())
    assert (answer.status_code, answer.json()) == (200, {"status": "dropped", "places": 0})
    answer = await listener.post("/intake/v1/erasures", content=b"{}")
    assert answer.status_code == 422


async def test_nobody_but_the_outbox_may_order(services: AppServices) -> None:
    transport = httpx.ASGITransport(build_intake(services, witness=APIRouter()))
    async with httpx.AsyncClient(transport=transport, base_url="https://intake.test") as client:
        assert (await client.post("/intake/v1/erasures", content=order())).status_code == 403
