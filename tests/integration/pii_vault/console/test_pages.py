"""The officer's pages over a real vault: who may read, what they show, and that reading leaves a record."""

import re
from datetime import timedelta

import httpx
import pytest

from pii_vault.classify.setting import switch
from pii_vault.console.words import BLOCK_REASONS
from pii_vault.core.tokens import parse_subject
from pii_vault.errors import Forbidden
from pii_vault.operations.reveal import reveal
from pii_vault.rights.block import REASONS, block, unblock
from pii_vault.vault import Vault
from tests.integration.pii_vault.console.conftest import ConsoleStage
from tests.support.persons import person
from tests.support.postgres import Database
from tests.support.vault import outage, rows, staff

ANNA, VERA = person(7), person(8)
PAGES = ("/", "/matrix", "/audit", "/audit/0", "/person")


async def look(vault: Vault, stage: ConsoleStage, role: str, *, purpose: str = "order_processing") -> None:
    await reveal(vault, staff(role), purpose=purpose, tokens=list(stage.tokens.values()), request_id="look")


def lines(html: str) -> list[list[str]]:
    """The cells of each row of the page's tables, as text."""
    found = re.findall(r"<tr[^>]*>(.*?)</tr>", html, re.DOTALL)
    return [
        [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)]
        for row in found
    ]


@pytest.mark.parametrize("path", PAGES)
async def test_without_a_session_one_is_sent_to_sign_in(
    client: httpx.AsyncClient, stage: ConsoleStage, path: str
) -> None:
    stage.sessions.role = None
    answer = await client.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/signin?next=%2F")


@pytest.mark.parametrize("role", ["sales", "marketer", "warehouse"])
@pytest.mark.parametrize("path", PAGES)
async def test_other_roles_are_refused_and_told_why(
    client: httpx.AsyncClient, stage: ConsoleStage, path: str, role: str
) -> None:
    stage.sessions.role = role
    answer = await client.get(path)
    assert answer.status_code == 403
    assert "Консоль не для этой роли" in answer.text


async def test_cookie_of_the_vaults_host_opens_nothing_here(client: httpx.AsyncClient) -> None:
    answer = await client.get("/", headers={"cookie": "__Host-larets_vault=session"})
    assert answer.status_code == 303


async def test_log_says_who_saw_what_and_who_was_denied(
    client: httpx.AsyncClient, stage: ConsoleStage, vault: Vault
) -> None:
    await stage.store(phone=ANNA.phone)
    await look(vault, stage, "sales")
    await look(vault, stage, "marketer")
    with pytest.raises(Forbidden):
        await look(vault, stage, "warehouse")
    shown = lines((await client.get("/audit")).text)
    seen = [(line[2], line[3], line[5], line[6]) for line in shown if line]
    assert ("Продавец Север", "Показ значения", "Показано", "значение: Телефон 1") in seen
    assert ("Реклама", "Показ значения", "Маска", "маска: Телефон 1") in seen
    assert ("Склад", "Показ значения", "Отказано", "—") in seen
    # The reading itself stands on top.
    assert seen[0][:2] == ("Контроль", "Просмотр журнала")


async def test_no_page_holds_a_value(client: httpx.AsyncClient, stage: ConsoleStage, vault: Vault) -> None:
    subject = await stage.store(name=ANNA.name, phone=ANNA.phone, email=ANNA.email)
    await look(vault, stage, "sales")
    for path in (*PAGES, "/audit/1", f"/person/{subject}"):
        html = (await client.get(path)).text
        for value in (ANNA.surname, ANNA.phone, ANNA.phone[-7:], ANNA.email):
            assert value not in html


def test_every_reason_of_a_block_has_a_name() -> None:
    assert BLOCK_REASONS.keys() == set(REASONS)


async def test_a_block_whose_day_has_come_stands_on_the_first_page(
    client: httpx.AsyncClient, stage: ConsoleStage, vault: Vault, vault_database: Database
) -> None:
    over, standing = [await stage.store(phone=each.phone) for each in (ANNA, VERA)]
    for subject in (over, standing):
        until = vault.clock() + timedelta(days=7)
        bits = parse_subject(subject, tenant="demo")
        await block(vault, staff("officer"), bits, reason="accuracy_check", until=until, request_id="r")
    assert "Срок блокировки вышел" not in (await client.get("/")).text
    bits = parse_subject(over, tenant="demo")
    rows(vault_database, "UPDATE subject_block SET until = '2026-03-01Z' WHERE subject = %s::uuid", bits.hex())
    shown = [line for line in lines((await client.get("/")).text) if line and line[0].startswith("sub_")]
    assert shown == [[over, "проверка точности", "01.03.2026"]]
    await unblock(vault, staff("officer"), bits, request_id="r")
    assert "Срок блокировки вышел" not in (await client.get("/")).text


async def test_filters_and_pages_of_the_log(client: httpx.AsyncClient, stage: ConsoleStage, vault: Vault) -> None:
    await stage.store(phone=ANNA.phone)
    for _ in range(55):
        await look(vault, stage, "sales")
    await look(vault, stage, "marketer")
    only = lines((await client.get("/audit", params={"staff": "stf_marketer"})).text)
    assert [line[2] for line in only if line] == ["Реклама"]
    denied = await client.get("/audit", params={"decision": "deny"})
    assert "Записей нет" in denied.text
    first = await client.get("/audit", params={"verb": "reveal"})
    (older,) = re.findall(r'href="(/audit\?verb=reveal&amp;before=\d+)"', first.text)
    second = await client.get(older.replace("&amp;", "&"))
    numbers = [line[0] for html in (first.text, second.text) for line in lines(html) if line]
    assert len(numbers) == len(set(numbers)) == 56


@pytest.mark.parametrize(
    "query", ["verb='", "since=tomorrow", "until=9999-12-31", "before=-1", "before=x", "staff=%00", "page=2"]
)
async def test_odd_addresses_break_nothing(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/audit?{query}")).status_code in (200, 404)


async def test_record_shows_its_bytes_and_foreign_records_do_not_exist(
    client: httpx.AsyncClient, stage: ConsoleStage, vault: Vault
) -> None:
    await stage.store(phone=ANNA.phone)
    await reveal(vault, staff("sales", tenant="other"), purpose="support", tokens=["x"], request_id="theirs")
    own = await client.get("/audit/0")
    assert "Цепь" not in own.text
    assert re.search(r"<pre>\{.*stf_sales.*\}</pre>", own.text, re.DOTALL)
    assert (await client.get("/audit/1")).status_code == 404
    assert "theirs" not in (await client.get("/audit")).text
    assert (await client.get("/audit/999999")).status_code == 404


@pytest.mark.parametrize("by", ["token", "subject", "phone", "email"])
async def test_who_looked_at_a_person(client: httpx.AsyncClient, stage: ConsoleStage, vault: Vault, by: str) -> None:
    subject = await stage.store(phone=ANNA.phone, email=ANNA.email)
    given = {"token": stage.tokens["phone"], "subject": subject, "phone": ANNA.phone, "email": ANNA.email}[by]
    await look(vault, stage, "sales")
    await stage.store(phone=VERA.phone)
    await look(vault, stage, "marketer")  # at Vera
    found = await client.post("/person", data={"query": given}, headers={"sec-fetch-mode": "navigate"})
    assert (found.status_code, found.headers["location"]) == (303, f"/person/{subject}")
    shown = await client.get(found.headers["location"])
    who = [line[2] for line in lines(shown.text) if line]
    assert "Продавец Север" in who
    assert who[0] == "Контроль"  # the officer's own look at this person


async def test_nobody_is_found_and_the_value_is_not_repeated(client: httpx.AsyncClient) -> None:
    answer = await client.post("/person", data={"query": ANNA.phone})
    assert "Никого не нашлось" in answer.text
    assert ANNA.phone not in answer.text
    wrong = await client.post("/person", data={"query": "tok_phone_" + "0" * 28})
    assert wrong.status_code == 422
    assert "скопируйте" in wrong.text


async def test_person_of_another_shop_does_not_exist(client: httpx.AsyncClient, stage: ConsoleStage) -> None:
    subject = await stage.store(phone=ANNA.phone)
    stage.sessions.tenant = "other"
    assert (await client.get(f"/person/{subject}")).status_code == 404
    assert (await client.get("/person/sub_x")).status_code == 404


async def test_search_of_the_console_refuses_another_origin(client: httpx.AsyncClient) -> None:
    for path in ("/person", "/audit/verify"):
        answer = await client.post(path, data={"query": ANNA.phone}, headers={"sec-fetch-site": "same-site"})
        assert answer.status_code == 403


async def test_closed_log_is_explained_and_the_refusal_is_on_record(
    client: httpx.AsyncClient, stage: ConsoleStage, vault_database: Database
) -> None:
    stage.sessions.principal = staff("officer", second_factor_age=None)
    answer = await client.get("/audit")
    assert answer.status_code == 403
    assert "Журнал вам сейчас закрыт" in answer.text
    assert "читает ответственный за персональные данные, а не владелец магазина" in answer.text
    assert rows(vault_database, "SELECT verb, decision FROM audit_detail") == [("audit", "log_closed")]
    assert (await client.get("/matrix")).status_code == 200


async def test_each_reading_of_the_log_is_recorded(
    client: httpx.AsyncClient, stage: ConsoleStage, vault_database: Database
) -> None:
    subject = await stage.store(phone=ANNA.phone)
    for path in ("/audit", "/audit/0", f"/person/{subject}"):
        await client.get(path)
    await client.post("/audit/verify")
    assert rows(vault_database, "SELECT count(*) FROM audit_detail WHERE verb = 'audit'") == [(4,)]


async def test_overview_counts(client: httpx.AsyncClient, stage: ConsoleStage, vault: Vault) -> None:
    await stage.store(phone=ANNA.phone, email=ANNA.email)
    html = (await client.get("/")).text
    assert "Ещё не заверен" in html
    assert vault.matrix.version[:16] in html
    assert "Продавец Север" in html


async def test_english(client: httpx.AsyncClient, stage: ConsoleStage) -> None:
    await stage.store(phone=ANNA.phone)
    html = (await client.get("/audit", headers={"accept-language": "en"})).text
    assert "Data stored" in html
    assert "Log read" in html


async def test_database_gone_is_a_page_and_the_console_recovers(
    client: httpx.AsyncClient, vault_database: Database
) -> None:
    with outage(vault_database):
        answer = await client.get("/audit")
        assert answer.status_code == 503
        assert "Хранилище не отвечает" in answer.text
    assert (await client.get("/matrix")).status_code == 200


async def test_the_overview_calls_classified_texts_a_residual_risk(
    client: httpx.AsyncClient, stage: ConsoleStage, vault: Vault
) -> None:
    stage.sessions.role = "officer"
    before = (await client.get("/")).text
    assert "Остаточный риск" not in before
    assert "Целиком токеном" in before
    await switch(vault, staff("officer"), class_id="text", on=True, request_id="r")
    after = (await client.get("/")).text
    assert "Остаточный риск" in after
    assert "Свободный текст" in after
