"""/v1/subjects, and the page behind the link of a double opt-in."""

from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI

from pii_vault.access.principal import Principal
from pii_vault.api.auth import Authenticator, Caller
from pii_vault.consent.ask import confirmation_path
from pii_vault.consent.endpoints import build_confirmation
from pii_vault.consent.status import allowed
from pii_vault.consent.texts import add_text
from pii_vault.problems import install
from pii_vault.rights.endpoints import RightsEndpoints
from tests.integration.pii_vault.rights.conftest import NAME, PHONE, Desk, Kept
from tests.support.consents import Waiting, ask_by_message
from tests.support.vault import program, rows, staff

BASE = "https://vault.test"


class AnyCaller:
    """Stands in for the authenticator: the test says who calls."""

    def __init__(self) -> None:
        self.who: Principal = staff("officer")

    async def caller(self, _scope: object) -> Caller:
        return Caller(self.who, None)


@pytest.fixture
def caller() -> AnyCaller:
    return AnyCaller()


@pytest.fixture
async def client(desk: Desk, caller: AnyCaller) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    install(app)
    app.include_router(RightsEndpoints(desk.vault, cast("Authenticator", caller), desk.journal).router())
    app.include_router(build_confirmation(desk.vault))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as opened:
        yield opened


async def test_the_officer_carries_a_request_through(client: httpx.AsyncClient, desk: Desk) -> None:
    person = await desk.take(phone=PHONE, name=NAME)
    path = f"/v1/subjects/{person.text}"
    shown = await client.get(path)
    assert shown.json()["values"] == {"other": {"phone": 1, "name": 1}}
    assert PHONE not in shown.text
    exported = (await client.post(f"{path}/export")).json()
    assert {each["value"] for each in exported["values"]} == {PHONE, NAME}
    page = await client.post(f"{path}/export", headers={"accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    blocked = await client.post(f"{path}/block", json={"reason": "accuracy_check", "until": "2100-01-01T00:00:00Z"})
    assert blocked.json()["state"] == "blocked"
    assert (await client.post(f"{path}/unblock")).json()["state"] == "active"
    assert (await client.post(f"{path}/erase", json={"dry_run": True})).json()["erased"] == {"phone": 1, "name": 1}
    assert (await client.post(f"{path}/erase", json={})).json()["step"] == "live"
    assert (await client.get(f"{path}/proof")).json()["holds"]
    assert (await client.post(f"{path}/erase", json={})).json()["code"] == "erased"


async def test_programs_and_strangers_are_refused_and_what_is_not_theirs_is_not_there(
    client: httpx.AsyncClient, desk: Desk, caller: AnyCaller
) -> None:
    person = await desk.take(phone=PHONE)
    path = f"/v1/subjects/{person.text}"
    until = "2100-01-01T00:00:00Z"
    acts: list[tuple[str, dict[str, Any] | None]] = [
        ("export", None),
        ("erase", {}),
        ("erase", {"dry_run": True}),
        ("block", {"reason": "accuracy_check", "until": until}),
        ("unblock", None),
    ]
    outside = Principal("service", "crm", "demo", ("public_service",), "public")
    for who in (program(), staff("sales"), staff("warehouse"), outside):
        caller.who = who
        for act, body in acts:
            answer = await client.post(f"{path}/{act}", json=body)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), (who.roles, act)
            assert PHONE not in answer.text
    caller.who = staff("officer", tenant="other")
    for act, body in acts:
        answer = await client.post(f"{path}/{act}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_subject")
    caller.who = outside
    assert (await client.get(path)).status_code == 403
    assert (await client.get(f"{path}/consents")).status_code == 403


async def test_a_program_takes_and_withdraws_consents(client: httpx.AsyncClient, desk: Desk, caller: AnyCaller) -> None:
    person = await desk.take(phone=PHONE)
    await add_text(desk.vault, desk.officer, purpose="marketing", text="Согласен.", request_id="r")
    caller.who = program()
    path = f"/v1/subjects/{person.text}/consents"
    given = await client.post(path, json={"purpose": "marketing", "channel": "sms", "how": "web_form"})
    assert given.status_code == 201
    assert [each["status"] for each in (await client.get(path)).json()] == ["in_force"]
    ended = await client.post(f"{path}/withdraw", json={"purpose": "marketing"})
    assert ended.json()["withdrawn"] == ["sms"]
    odd = await client.post(path, json={"purpose": "marketing", "channel": "sms", "how": "web_form", "value": PHONE})
    assert odd.status_code == 422
    assert PHONE not in odd.text


async def asked(desk: Desk, person: Kept) -> Waiting:
    await add_text(desk.vault, desk.officer, purpose="marketing", text="Согласен.", request_id="r")
    return await ask_by_message(desk.vault, person.bits)


async def test_opening_the_link_confirms_nothing_and_the_button_does(client: httpx.AsyncClient, desk: Desk) -> None:
    person = await desk.take(email="vera@example.ru")
    waiting = await asked(desk, person)
    path = confirmation_path("demo", consent=waiting.consent, code=waiting.code)
    key = await desk.vault.tenants.key("demo")

    async def may() -> bool:
        return await allowed(desk.vault, key, person.bits, "marketing", "email")

    page = await client.get(path)
    assert page.status_code == 200
    assert "Подтвердите согласие" in page.text
    assert "Согласен." in page.text  # to what
    assert "vera@example.ru" not in page.text
    assert not await may()
    crossed = await client.post(path, headers={"sec-fetch-site": "cross-site"})
    assert crossed.status_code == 403
    assert not await may()
    done = await client.post(path, headers={"sec-fetch-site": "same-origin"})
    assert "Согласие подтверждено" in done.text
    assert await may()
    again = await client.post(path)
    assert again.status_code == 422


async def test_every_wrong_link_gets_one_answer(client: httpx.AsyncClient, desk: Desk) -> None:
    person = await desk.take(email="vera@example.ru")
    waiting = await asked(desk, person)
    wrong = [
        confirmation_path("demo", consent=waiting.consent, code="x" * 22),
        confirmation_path("demo", consent="cns_" + "0" * 26, code=waiting.code),
        confirmation_path("other", consent=waiting.consent, code=waiting.code),
        confirmation_path("nobody", consent=waiting.consent, code=waiting.code),
    ]

    async def told(path: str) -> tuple[int, str]:
        """The answer without the address itself, which stands in the links to the other language."""
        answer = await client.post(path)
        return answer.status_code, answer.text.replace(path, "")

    answers = {await told(path) for path in wrong}
    assert len(answers) == 1
    assert (await client.get(wrong[1])).status_code == 422  # and to look at is only what waits
    assert (await client.get(wrong[3])).status_code == 422
    rows(desk.database, "UPDATE subject SET state = 'e'")
    assert {await told(confirmation_path("demo", consent=waiting.consent, code=waiting.code))} == answers


FAR = ("9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00")  # beyond the calendar, in UTC


@pytest.mark.parametrize("body", [{"text_version": 2**31}, {"text_version": 2**63}, *({"given": each} for each in FAR)])
async def test_a_number_or_a_time_that_no_database_takes_is_the_senders_error(
    client: httpx.AsyncClient, desk: Desk, body: dict[str, object]
) -> None:
    person = await desk.take(phone=PHONE)
    await add_text(desk.vault, staff("officer"), purpose="marketing", text="Согласен.", request_id="r")
    told = {"purpose": "marketing", "channel": "call", "how": "paper"} | body
    assert (await client.post(f"/v1/subjects/{person.text}/consents", json=told)).status_code == 422


@pytest.mark.parametrize("until", FAR)
async def test_a_block_until_a_time_that_there_is_not_is_the_senders_error(
    client: httpx.AsyncClient, desk: Desk, until: str
) -> None:
    person = await desk.take(phone=PHONE)
    told = {"reason": "accuracy_check", "until": until}
    assert (await client.post(f"/v1/subjects/{person.text}/block", json=told)).status_code == 422
