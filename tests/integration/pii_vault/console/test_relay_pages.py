"""The relay in the console: a text is proposed by one and approved by another, and what failed is sent again."""

from typing import Any

import httpx
import pytest

from pii_vault.relay.template import read_template
from pii_vault.vault import Vault
from tests.integration.pii_vault.console.conftest import SECRET, ConsoleStage
from tests.support.postgres import Database
from tests.support.vault import rows

PHONE = "+7 916 123-45-67"
MAIL = {
    "channel": "email", "id": "order-sent", "title": "Заказ отправлен", "purpose": "delivery", "destination": "mail",
    "subject": "Заказ {{given.number}}", "text": "{{person.name}},\r\nзаказ в пути.", "html": "",
    "kind_number": "order_number", "list_number": "",
}  # fmt: skip
API = {
    "channel": "api", "id": "parcel", "title": "Посылка", "purpose": "delivery", "destination": "web",
    "request": '{"path": "/v1/parcels", "json": {"phone": "{{person.phone}}"}, "answer": {"/track": "keep"}}',
}  # fmt: skip


async def propose(client: httpx.AsyncClient, shop: ConsoleStage, content: dict[str, str], *, by: str) -> str:
    """The address of the version."""
    shop.sessions.role = by
    answer = await client.post("/relay/templates", data=content)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def digest_of(database: Database, id_: str, version: int) -> str:
    [(found,)] = rows(database, "SELECT digest FROM relay_template WHERE id = %s AND version = %s", id_, version)
    return str(found)


def dispatch(database: Database, number: int, state: str, failure: str | None = None) -> str:
    id_ = f"dsp_{number:026d}"
    rows(
        database,
        """INSERT INTO relay_dispatch (id, tenant_key, subject, template, version, destination, parameters, principal,
               request_key, fingerprint, state, failure, attempts, finished)
           SELECT %s, key, gen_random_uuid(), 'order-sent', 1, 'mail', '{}', 'service:crm', %s, 'x', %s, %s, 8, now()
           FROM tenant WHERE id = 'demo'""",
        id_, f"key-{number}", state, failure,
    )  # fmt: skip
    return id_


def states(database: Database) -> list[tuple[object, ...]]:
    return rows(database, "SELECT id, state FROM relay_dispatch ORDER BY id")


def recorded(database: Database) -> list[tuple[object, ...]]:
    return rows(database, "SELECT principal, verb, decision FROM audit_detail WHERE verb LIKE 'relay%' ORDER BY idx")


async def test_from_an_empty_list_to_a_text_that_may_be_sent(
    client: httpx.AsyncClient, shop: ConsoleStage, vault_database: Database
) -> None:
    page = (await client.get("/relay")).text
    assert "Шаблонов ещё нет" in page
    assert "smtps://smtp.example.ru" in page
    assert SECRET not in page
    where = await propose(client, shop, MAIL, by="marketer")
    page = (await client.get(where)).text
    digest = digest_of(vault_database, "order-sent", 1)
    assert all(text in page for text in (digest, "Реклама", "ждёт решения", "Эл. почта, Имя", "number"))
    assert "/approve" not in page
    assert (await client.post(f"{where}/approve", data={"digest": digest})).status_code == 403

    shop.sessions.role = "officer"
    assert "/approve" in (await client.get(where)).text
    wrong = await client.post(f"{where}/approve", data={"digest": "0" * 64})
    assert (wrong.status_code, "Решать нечего" in wrong.text) == (409, True)
    assert (await client.post(f"{where}/approve", data={"digest": digest})).headers["location"] == where
    page = (await client.get("/relay")).text
    assert "утверждён" in page
    assert digest[:12] in page
    assert recorded(vault_database) == [
        ("stf_marketer", "relay_propose", "allow"),
        ("stf_marketer", "relay_approve", "not_a_decider"),
        ("stf_officer", "relay_approve", "nothing_to_decide"),
        ("stf_officer", "relay_approve", "allow"),
    ]


async def test_what_is_typed_is_what_the_command_would_have_proposed(
    client: httpx.AsyncClient, shop: ConsoleStage, vault_database: Database
) -> None:
    await propose(client, shop, MAIL, by="owner")
    of_file = read_template(
        {
            "id": "order-sent", "version": 1, "title": "Заказ отправлен", "purpose": "delivery", "destination": "mail",
            "parameters": {"number": "order_number"},
            "email": {"subject": "Заказ {{given.number}}", "text": "{{person.name}},\nзаказ в пути."},
        }
    )  # fmt: skip
    assert digest_of(vault_database, "order-sent", 1) == of_file.digest
    assert (await propose(client, shop, API, by="owner")).endswith("/parcel/1")


async def test_the_proposer_cannot_approve_even_as_an_officer(
    client: httpx.AsyncClient, shop: ConsoleStage, vault_database: Database
) -> None:
    where = await propose(client, shop, MAIL, by="officer")
    page = (await client.get(where)).text
    assert "/approve" not in page
    assert "Решение примет другой человек" in page
    digest = digest_of(vault_database, "order-sent", 1)
    assert (await client.post(f"{where}/approve", data={"digest": digest})).status_code == 409
    assert rows(vault_database, "SELECT approved FROM relay_template") == [(None,)]


async def test_a_rejection_says_why_and_the_next_version_begins_with_the_last(
    client: httpx.AsyncClient, shop: ConsoleStage, vault_database: Database
) -> None:
    where = await propose(client, shop, MAIL, by="marketer")
    shop.sessions.role = "officer"
    digest = digest_of(vault_database, "order-sent", 1)
    told = await client.post(f"{where}/reject", data={"digest": digest, "note": f"звоните {PHONE}"})
    assert (told.status_code, PHONE in told.text) == (422, False)
    assert (await client.post(f"{where}/reject", data={"digest": digest, "note": "Нет подписи"})).status_code == 303
    shop.sessions.role = "marketer"
    assert "Нет подписи" in (await client.get(where)).text
    form = (await client.get("/relay/new?of=order-sent")).text
    assert "заказ в пути." in form
    assert (await propose(client, shop, MAIL, by="marketer")).endswith("/order-sent/2")
    assert (await client.post("/relay/templates/order-sent/2/retire", data={"note": ""})).status_code == 303
    assert "отозван" in (await client.get("/relay")).text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": "Заказ"}, "Имя: строчная"),
        ({"title": f"Звоните {PHONE}"}, "Название: от 1"),
        ({"destination": "web"}, "Узел: письма"),
        ({"destination": "nowhere"}, "Такого узла"),
        ({"purpose": "nonsense"}, "Цель: выберите"),
        ({"text": "{{person.nonsense}}"}, "такого класса данных нет"),
        ({"text": "{{nonsense}}"}, "других двойных скобок нет"),
        ({"text": "{{consent.link}}"}, "{{consent.link}} стоит"),
        ({"subject": "x" * 201}, "Тема: не больше"),
        (API | {"request": "[]"}, "один объект JSON"),
        (API | {"request": '{"path": "/../x", "json": {}}'}, "В path нет шагов"),
        (API | {"request": '{"path": "/x"}'}, "либо json, либо xml"),
        (API | {"request": '{"path": "/x", "json": {}, "host": "evil.example"}'}, "Запрос: один объект"),
    ],
)
async def test_what_cannot_be_proposed_is_explained_and_kept(
    client: httpx.AsyncClient, shop: ConsoleStage, vault_database: Database, changes: dict[str, str], said: str
) -> None:
    shop.sessions.role = "marketer"
    answer = await client.post("/relay/templates", data=MAIL | changes)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert said.lower() in answer.text.lower()
    kept = "заказ в пути." if "text" not in changes and "channel" not in changes else "Заказ"
    assert kept in answer.text or "channel" in changes
    assert rows(vault_database, "SELECT count(*) FROM relay_template") == [(0,)]


async def test_a_text_changed_behind_the_vaults_back_is_called_out(
    client: httpx.AsyncClient, shop: ConsoleStage, vault_database: Database
) -> None:
    where = await propose(client, shop, MAIL, by="marketer")
    rows(vault_database, "UPDATE relay_template SET content = jsonb_set(content, '{email,text}', '\"иное\"')")
    shop.sessions.role = "officer"
    page = (await client.get(where)).text
    assert "отпечаток не сходится" in page
    assert "иное" not in page
    assert "/approve" not in page


async def test_what_was_given_up_is_sent_again_and_what_may_have_arrived_by_name(
    client: httpx.AsyncClient, vault_database: Database
) -> None:
    assert "Ничего ещё не отправляли" in (await client.get("/relay/dispatches")).text
    dead = dispatch(vault_database, 1, "dead", "smtp_550")
    unknown = dispatch(vault_database, 2, "unknown", "outcome_unknown")
    dispatch(vault_database, 3, "sent")
    page = (await client.get("/relay/dispatches")).text
    assert "почтовый сервер ответил 550" in page
    assert "может прийти дважды" in page
    assert dead not in (await client.get("/relay/dispatches?state=sent")).text
    assert (await client.post("/relay/dispatches/again")).headers["location"] == "/relay/dispatches?again=1"
    assert [state for _, state in states(vault_database)] == ["queued", "unknown", "sent"]
    assert (await client.post(f"/relay/dispatches/{unknown}/again")).status_code == 303
    assert [state for _, state in states(vault_database)] == ["queued", "queued", "sent"]
    nothing = await client.post(f"/relay/dispatches/{unknown}/again")
    assert "Повторять нечего" in (await client.get(nothing.headers["location"])).text
    assert [row[1:] for row in recorded(vault_database)] == [("relay_retry", "allow")] * 3
    assert (await client.post("/relay/dispatches/x/again")).status_code == 404


@pytest.mark.parametrize("role", ["sales", "warehouse", None])
async def test_others_see_and_do_nothing(
    client: httpx.AsyncClient, shop: ConsoleStage, vault_database: Database, role: str | None
) -> None:
    where = await propose(client, shop, MAIL, by="marketer")
    dead = dispatch(vault_database, 1, "dead")
    digest = digest_of(vault_database, "order-sent", 1)
    shop.sessions.role = role
    expected = 303 if role is None else 403
    for path in ("/relay", "/relay/new", where, "/relay/dispatches"):
        assert (await client.get(path)).status_code == expected
    posts: Any = {"/relay/templates": MAIL, f"{where}/approve": {"digest": digest}, "/relay/dispatches/again": {}}
    posts |= {f"{where}/retire": {"note": ""}, f"/relay/dispatches/{dead}/again": {}}
    for path, data in posts.items():
        assert (await client.post(path, data=data)).status_code == expected, path
    assert states(vault_database) == [(dead, "dead")]
    assert rows(vault_database, "SELECT approved, retired FROM relay_template") == [(None, None)]


async def test_other_sites_can_have_nothing_done(
    client: httpx.AsyncClient, shop: ConsoleStage, vault_database: Database
) -> None:
    where = await propose(client, shop, MAIL, by="marketer")
    dispatch(vault_database, 1, "dead")
    shop.sessions.role = "officer"
    for path in ("/relay/templates", f"{where}/approve", "/relay/dispatches/again"):
        assert (await client.post(path, data=MAIL, headers={"sec-fetch-site": "same-site"})).status_code == 403
    assert rows(vault_database, "SELECT approved FROM relay_template") == [(None,)]


async def test_another_shops_texts_are_not_there(client: httpx.AsyncClient, shop: ConsoleStage, vault: Vault) -> None:
    where = await propose(client, shop, MAIL, by="marketer")
    shop.sessions.role, shop.sessions.tenant = "officer", "other"
    assert (await client.get(where)).status_code == 404
    assert "Заказ отправлен" not in (await client.get("/relay")).text
    assert (await client.post(f"{where}/retire", data={"note": ""})).status_code in (404, 409)
    assert await vault.pool.fetchval("SELECT retired FROM relay_template") is None
