"""A consent by email, from the asking to the click, over a real mail server: nobody but the person learns the code."""

import re
from email import message_from_bytes, policy
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from pii_vault.access.principal import Principal
from pii_vault.consent.endpoints import build_confirmation
from pii_vault.consent.texts import add_text
from pii_vault.problems import install
from tests.integration.pii_vault.relay.conftest import EMAIL, ORIGIN, Shop
from tests.support.outside import Mailbox
from tests.support.vault import program, rows, staff

ASKS: dict[str, Any] = {
    "id": "consent-email", "version": 1, "title": "Подтверждение согласия", "purpose": "subject_request",
    "destination": "mail", "consent": "marketing",
    "email": {"subject": "Подтвердите согласие", "text": "{{person.name}}, подтвердите: {{consent.link}}",
              "html": '<a href="{{consent.link}}">Подтвердить</a>'},
}  # fmt: skip
LINK = re.compile(re.escape(ORIGIN) + r"(/consent/demo/cns_[0-9a-z]{26}/[A-Za-z0-9_-]{22})")
TEXT = "Согласен получать предложения магазина."


@pytest.fixture
async def asking(shop: Shop) -> Shop:
    await add_text(shop.vault, staff("officer"), purpose="marketing", text=TEXT, request_id="r")
    await shop.approve(ASKS)
    return shop


def links(mailbox: Mailbox) -> list[str]:
    """Paths of the links in the mails, oldest first."""
    found = []
    for recipients, content in mailbox.mails:
        assert recipients == [EMAIL]
        body = message_from_bytes(content, policy=policy.default).get_body(("plain",))
        found += LINK.findall(body.get_content())  # type: ignore[union-attr]
    return found


class Visitor:
    """The person's browser at the vault's own address."""

    def __init__(self, shop: Shop) -> None:
        app = FastAPI()
        install(app)
        app.include_router(build_confirmation(shop.vault))
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN)

    async def get(self, path: str) -> httpx.Response:
        return await self._client.get(path)

    async def press(self, path: str) -> httpx.Response:
        return await self._client.post(path, headers={"sec-fetch-site": "same-origin"})


async def may(shop: Shop) -> bool:
    answer = await shop.api.get(f"/v1/consents/{shop.buyer}", params={"purpose": "marketing", "channel": "email"})
    return bool(answer.json()["allowed"])


async def ask(shop: Shop, *, key: str = "consent-0001") -> dict[str, Any]:
    return await shop.sent("consent-email", key=key, parameters={})


async def test_from_the_crms_wish_to_the_persons_click(asking: Shop, mailbox: Mailbox) -> None:
    state = await ask(asking)
    assert state["state"] == "sent"
    assert not await may(asking)
    (link,) = links(mailbox)
    visitor = Visitor(asking)
    page = await visitor.get(link)
    assert page.status_code == 200
    assert TEXT in page.text
    assert not await may(asking)  # a mail program that opens links confirms nothing
    assert (await visitor.press(link)).status_code == 200
    assert await may(asking)
    assert (await visitor.press(link)).status_code == 422  # once
    verbs = rows(asking.database, "SELECT verb, decision FROM audit_detail WHERE verb IN ('relay', 'consent_confirm')"
                 " ORDER BY idx")  # fmt: skip
    assert verbs == [
        ("relay", "intent"),
        ("relay", "sent"),
        ("consent_confirm", "allow"),
        ("consent_confirm", "wrong_code"),
    ]


async def test_the_code_stands_nowhere_but_in_the_mail(asking: Shop, mailbox: Mailbox) -> None:
    state = await ask(asking)
    (link,) = links(mailbox)
    code = link.rpartition("/")[2]
    for table in ("consent", "relay_dispatch", "gateway_outbox", "audit_detail", "audit_log"):
        kept = rows(asking.database, f"SELECT row_to_json(t)::text FROM {table} t")  # noqa: S608  the names above
        assert code not in str(kept), table
        assert code.encode().hex() not in str(kept), table
    assert code not in str(state)
    assert code not in str(asking.told())


async def test_a_mail_that_is_sent_again_has_a_new_code_and_the_old_one_is_void(asking: Shop, mailbox: Mailbox) -> None:
    mailbox.hangs_up = True
    state = await ask(asking)
    assert state["state"] == "unknown"
    mailbox.hangs_up = False
    rows(asking.database, "UPDATE relay_dispatch SET state = 'queued', attempts = 0, due = now()")
    await asking.sender.once()
    first, second = links(mailbox)
    visitor = Visitor(asking)
    assert (await visitor.press(first)).status_code == 422
    assert not await may(asking)
    assert (await visitor.press(second)).status_code == 200
    assert await may(asking)


async def test_a_new_asking_ends_the_older_one(asking: Shop, mailbox: Mailbox) -> None:
    await ask(asking)
    await asking.order("consent-email", key="consent-0002", parameters={})
    await asking.order("consent-email", key="consent-0003", parameters={})
    await asking.sender.once()
    first, last = links(mailbox)  # of the second, overtaken before it went, nothing was sent
    assert rows(asking.database, "SELECT failure FROM relay_dispatch WHERE state = 'refused'") == [
        ("consent_not_asked",)
    ]
    visitor = Visitor(asking)
    assert (await visitor.press(first)).status_code == 422
    assert (await visitor.press(last)).status_code == 200


async def test_nobody_is_asked_over_and_over_and_the_refusal_is_recorded(asking: Shop, mailbox: Mailbox) -> None:
    rows(asking.database, "DELETE FROM relay_use")
    for number in range(asking.vault.consents.asks_per_day):
        assert (await asking.order("consent-email", key=f"consent-{number:04}", parameters={})).status_code == 202
    rows(asking.database, "DELETE FROM relay_use")
    answer = await asking.order("consent-email", key="consent-beyond", parameters={})
    assert (answer.status_code, answer.json()["code"]) == (429, "asked_often")
    assert rows(asking.database, "SELECT count(*) FROM audit_detail WHERE decision = 'asked_often'") == [(1,)]
    assert mailbox.mails == []


async def test_wrong_codes_are_counted_and_at_the_end_only_a_new_mail_helps(asking: Shop, mailbox: Mailbox) -> None:
    await ask(asking)
    (link,) = links(mailbox)
    visitor = Visitor(asking)
    for _ in range(asking.vault.consents.code_attempts):
        assert (await visitor.press(link.rpartition("/")[0] + "/" + "x" * 22)).status_code == 422
    assert (await visitor.press(link)).status_code == 422
    assert not await may(asking)


async def test_a_program_of_the_private_contour_has_the_vault_ask(asking: Shop, mailbox: Mailbox) -> None:
    asking.callers.principal = program()
    wish = {"purpose": "marketing", "channel": "email"}
    answer = await asking.api.post(f"/v1/subjects/{asking.buyer}/consents/ask", json=wish)
    assert answer.status_code == 202
    assert answer.json()["status"] == "pending"
    await asking.sender.once()
    (link,) = links(mailbox)
    assert link.split("/")[3] == answer.json()["consent"]
    assert asking.told() == []  # what the private contour ordered is told nobody
    assert (await Visitor(asking).press(link)).status_code == 200
    assert await may(asking)


async def test_without_an_approved_message_or_a_text_nobody_is_asked(shop: Shop, mailbox: Mailbox) -> None:
    shop.callers.principal = program()
    path, wish = f"/v1/subjects/{shop.buyer}/consents/ask", {"purpose": "marketing", "channel": "email"}
    assert (await shop.api.post(path, json=wish)).json()["code"] == "unknown_consent_text"
    await add_text(shop.vault, staff("officer"), purpose="marketing", text=TEXT, request_id="r")
    assert (await shop.api.post(path, json=wish)).json()["code"] == "no_consent_template"
    shop.callers.principal = Principal("service", "warehouse", "demo", ("witness",), "private")
    assert (await shop.api.post(path, json=wish)).status_code == 403
    assert mailbox.mails == []


async def test_the_public_service_asks_by_an_approved_message_and_for_nothing_else(asking: Shop) -> None:
    """Its own credentials: no address, no code, no other person, no text of its own."""
    attacks: tuple[dict[str, Any], ...] = (
        {"parameters": {"link": "https://attacker.example"}},
        {"digest": "0" * 64},
        {"recipient": "attacker@example.ru"},
        {"consent": "cns_" + "0" * 26},
    )
    for number, attack in enumerate(attacks):
        answer = await asking.order("consent-email", key=f"attack-{number:04}", **({"parameters": {}} | attack))
        assert answer.status_code in (403, 422), attack
    assert rows(asking.database, "SELECT count(*) FROM consent") == [(0,)]
