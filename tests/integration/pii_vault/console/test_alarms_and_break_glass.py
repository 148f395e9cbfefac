"""The pages where something is decided: alarms are acknowledged, break-glass is asked for and opened."""

import re
from pathlib import Path

import httpx
import pytest

from pii_vault.alarms.policy import load_alarms
from pii_vault.alarms.watch import look
from pii_vault.operations.items import TokeniseItem
from pii_vault.operations.plan import switch
from pii_vault.operations.reveal import reveal
from pii_vault.operations.tokenise import tokenise
from pii_vault.vault import Vault
from tests.integration.pii_vault.audit.support import make_entry
from tests.integration.pii_vault.console.conftest import ConsoleStage
from tests.support.postgres import Database
from tests.support.vault import program, rows, staff

REASON = "курьерская служба требует паспорт получателя"
ASKED = {"purpose": "delivery", "class_passport": "1", "reason": REASON, "minutes": "15"}


async def raise_alarm(vault: Vault) -> int:
    policy = load_alarms(Path("policies/alarms.yaml"))
    for number in range(policy.refusals + 1):
        await vault.audit.commit(make_entry(number, principal_id="stf_sales", decision="forbidden", subjects=()))
    await look(vault.pool, policy)
    return int(await vault.pool.fetchval("SELECT key FROM alarm"))


async def test_the_officer_reads_an_alarm_and_acknowledges_it(client: httpx.AsyncClient, vault: Vault) -> None:
    assert "Тревог не было" in (await client.get("/alarms")).text
    key = await raise_alarm(vault)
    page = (await client.get("/alarms")).text
    assert "Много отказов" in page
    assert "Продавец Север" in page
    assert "отказов: 11, порог: 10" in page
    refused = await client.post(f"/alarms/{key}", data={"note": "звонила +7 916 123-45-67"})
    assert refused.status_code == 422
    assert "123-45-67" not in refused.text
    done = await client.post(f"/alarms/{key}", data={"note": "ошибся разделом"})
    assert (done.status_code, done.headers["location"]) == (303, "/alarms")
    assert "Контроль: ошибся разделом" in (await client.get("/alarms")).text
    assert (await client.post(f"/alarms/{key}", data={"note": "ещё раз"})).status_code == 404


async def test_others_neither_acknowledge_nor_read(
    client: httpx.AsyncClient, stage: ConsoleStage, vault: Vault
) -> None:
    key = await raise_alarm(vault)
    for role in ("owner", "sales"):
        stage.sessions.role = role
        assert (await client.post(f"/alarms/{key}", data={"note": "ничего"})).status_code == 403
        assert (await client.get("/alarms")).status_code == 403
    stage.sessions.role = None
    assert (await client.get("/alarms")).status_code == 303
    stage.sessions.role = "officer"
    elsewhere = await client.post(f"/alarms/{key}", data={"note": "x"}, headers={"sec-fetch-site": "same-site"})
    assert elsewhere.status_code == 403
    assert await vault.pool.fetchval("SELECT acknowledged FROM alarm") is None


async def test_break_glass_from_the_request_to_what_was_shown(
    client: httpx.AsyncClient, stage: ConsoleStage, vault: Vault
) -> None:
    [made] = await tokenise(
        vault, program(), items=[TokeniseItem(class_id="passport", value="45 10 123456")], request_id="r"
    )
    stage.sessions.role = "sales"
    page = (await client.get("/break-glass")).text
    assert 'name="class_passport"' in page
    assert 'href="/audit"' not in page  # of the console the rest is not theirs
    assert (await client.post("/break-glass", data=ASKED)).status_code == 303
    page = (await client.get("/break-glass")).text
    assert "ждёт решения" in page
    assert "/approve" not in page  # not for the one who asked
    [id_] = rows_of(await vault.pool.fetch("SELECT id FROM break_glass"))
    assert (await client.post(f"/break-glass/{id_}/approve")).status_code == 403

    stage.sessions.role = "officer"
    assert f"/break-glass/{id_}/approve" in (await client.get("/break-glass")).text
    assert (await client.post(f"/break-glass/{id_}/approve")).status_code == 303
    vault.grants._read = float("-inf")
    [shown] = await reveal(vault, staff("sales"), purpose="delivery", tokens=[made.token or ""], request_id="r")
    assert shown.value is not None
    page = (await client.get("/break-glass")).text
    assert re.search(r"открыт до \d\d:\d\d", page)
    assert "Паспорт: 1" in page
    assert "45 10" not in page
    assert (await client.post(f"/break-glass/{id_}/end")).status_code == 303
    assert "закрыт" in (await client.get("/break-glass")).text


def rows_of(found: list[dict[str, str]]) -> list[str]:
    return [row["id"] for row in found]


@pytest.mark.parametrize(
    "changes", [{"reason": "надо"}, {"minutes": "61"}, {"minutes": "x"}, {"class_card": "1"}, {"purpose": "marketing"}]
)
async def test_what_cannot_be_asked_for_is_explained(
    client: httpx.AsyncClient, stage: ConsoleStage, vault_database: Database, changes: dict[str, str]
) -> None:
    stage.sessions.role = "sales"
    answer = await client.post("/break-glass", data=ASKED | changes)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert rows(vault_database, "SELECT count(*) FROM break_glass") == [(0,)]


async def test_other_sites_cannot_ask_or_open(client: httpx.AsyncClient, stage: ConsoleStage, vault: Vault) -> None:
    stage.sessions.role = "sales"
    elsewhere = {"sec-fetch-site": "same-site"}
    assert (await client.post("/break-glass", data=ASKED, headers=elsewhere)).status_code == 403
    await client.post("/break-glass", data=ASKED)
    [id_] = rows_of(await vault.pool.fetch("SELECT id FROM break_glass"))
    stage.sessions.role = "officer"
    assert (await client.post(f"/break-glass/{id_}/approve", headers=elsewhere)).status_code == 403
    assert (await client.post(f"/break-glass/{id_}/nonsense")).status_code == 404
    assert await vault.pool.fetchval("SELECT approved FROM break_glass") is None
    stage.sessions.role = None
    assert (await client.get("/break-glass")).status_code == 303


async def test_the_overview_says_what_is_found_by_parts(client: httpx.AsyncClient, vault: Vault) -> None:
    assert "Поиск по части" not in (await client.get("/")).text
    await switch(vault, "demo", "phone", "last4", on=True)
    page = (await client.get("/")).text
    assert "Телефон, последние 4 цифры: совпадений ожидается 0.0 (бит 1, строк 0)" in page
