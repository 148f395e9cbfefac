"""“Verify the log”: an intact log, one that was edited, and what a page can promise about time."""

import json

import httpx
import pytest

from pii_vault.console import verify as console_verify
from tests.integration.pii_vault.console.conftest import ConsoleStage
from tests.support.persons import person
from tests.support.postgres import Database
from tests.support.vault import rows

ANNA = person(7)
LINES = {"accept": "application/x-ndjson"}


async def test_intact_log_says_how_much_is_not_witnessed(client: httpx.AsyncClient, stage: ConsoleStage) -> None:
    await stage.store(phone=ANNA.phone)
    answer = await client.post("/audit/verify", headers=LINES)
    last = json.loads(answer.text.splitlines()[-1])
    assert last == {"kind": "good", "text": "Журнал цел. Записей: 2, заверено свидетелем: 0, ещё не заверено: 2."}


async def test_edited_log_is_found_out(
    client: httpx.AsyncClient, stage: ConsoleStage, vault_database: Database
) -> None:
    await stage.store(phone=ANNA.phone)
    rows(vault_database, "UPDATE audit_log SET record = convert_to('{}', 'UTF8') WHERE idx = 0")
    last = json.loads((await client.post("/audit/verify", headers=LINES)).text.splitlines()[-1])
    assert last["kind"] == "bad"
    assert "record_changed № 0" in last["text"]


async def test_browser_without_scripts_gets_the_page(client: httpx.AsyncClient, stage: ConsoleStage) -> None:
    await stage.store(phone=ANNA.phone)
    answer = await client.post("/audit/verify")
    assert 'data-kind="good"' in answer.text


async def test_missing_witness_is_said(client: httpx.AsyncClient, stage: ConsoleStage) -> None:
    stage.settings.witness_public_key = ""
    last = json.loads((await client.post("/audit/verify", headers=LINES)).text.splitlines()[-1])
    assert last == {"kind": "unknown", "text": "Ключ свидетеля не задан."}


async def test_second_verification_waits_its_turn(client: httpx.AsyncClient, stage: ConsoleStage) -> None:
    await stage.store(phone=ANNA.phone)
    with console_verify._one_at_a_time:
        answer = await client.post("/audit/verify")
        lines = await client.post("/audit/verify", headers=LINES)
    assert (answer.status_code, lines.status_code) == (429, 429)
    assert "Проверка уже идёт" in answer.text
    assert (await client.post("/audit/verify", headers=LINES)).status_code == 200


async def test_verification_ends_in_time(
    client: httpx.AsyncClient, stage: ConsoleStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.store(phone=ANNA.phone)
    monkeypatch.setattr(console_verify, "LONGEST_SECONDS", -1.0)
    last = json.loads((await client.post("/audit/verify", headers=LINES)).text.splitlines()[-1])
    assert last["kind"] == "unknown"
    assert "larets audit verify" in last["text"]
