"""From an order of the public contour to a mail in the person's box, and every way it must not go."""

import json
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from pii_vault.access.principal import Principal
from pii_vault.api.auth import Caller
from pii_vault.errors import IdempotencyConflict, InvalidRequest
from pii_vault.keys.memory import MemoryKeyService
from pii_vault.operations.items import TokeniseItem
from pii_vault.operations.tokenise import tokenise
from pii_vault.problems import install
from pii_vault.relay.addresses import Reach
from pii_vault.relay.deliver import ATTEMPTS, Sender
from pii_vault.relay.destinations import add_destination
from pii_vault.relay.endpoints import build_relay, build_reports
from pii_vault.relay.errors import BadTemplate, UnknownTemplate
from pii_vault.relay.outside import Destination, Outside
from pii_vault.relay.template import read_template
from pii_vault.relay.templates import approve, propose, retire
from pii_vault.vault import Vault
from tests.support.outside import Mailbox, WebService, mail_server, web_service
from tests.support.postgres import Database
from tests.support.vault import program, rows, staff

PHONE, EMAIL = "+79001112233", "buyer@example.ru"
BUDGETS: Any = {"email": 3, "sms": 100, "api": 100}
MAIL: dict[str, Any] = {
    "id": "order-sent", "version": 1, "title": "Заказ отправлен", "purpose": "delivery", "destination": "mail",
    "email": {"subject": "Заказ {{given.number}}", "text": "{{person.name}}, заказ в пути.",
              "html": "<p>{{person.name}}</p>"},
}  # fmt: skip
SMS = {"id": "sms-sent", "version": 1, "title": "СМС", "purpose": "delivery", "destination": "web",
       "sms": {"text": "Заказ {{given.number}} в пути"}}  # fmt: skip
PARCEL = {
    "id": "parcel", "version": 1, "title": "Посылка", "purpose": "delivery", "destination": "web",
    "api": {"path": "/v1/parcels", "json": {"to": {"name": "{{person.name}}", "phone": "{{person.phone}}"}},
            "answer": {"/courier/phone": "phone", "/track": "keep", "/note": "keep"}},
}  # fmt: skip
CRM = Principal(kind="service", id="crm", tenant="demo", roles=("public_service",), contour="public")


class Callers:
    principal = CRM

    async def caller(self, _scope: Any) -> Caller:
        return Caller(self.principal, None)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as found:
        yield found


@pytest.fixture
def web() -> Iterator[WebService]:
    with web_service() as found:
        found.answer(200, {"id": "out-1"})
        yield found


@dataclass
class Shop:
    """A shop with destinations, approved templates and two persons."""

    vault: Vault
    database: Database
    api: httpx.AsyncClient
    sender: Sender
    callers: Callers
    digests: dict[str, str]
    buyer: str
    other: str
    report: str

    async def order(self, template: str = "order-sent", *, key: str = "order-0001", **changes: Any) -> httpx.Response:
        parameters = {} if template == "parcel" else {"number": "7001"}
        body = {"template": template, "version": 1, "digest": self.digests.get(template, "x"), "subject": self.buyer}
        content = body | {"parameters": parameters} | changes
        return await self.api.post("/v1/relay", json=content, headers={"idempotency-key": key})

    async def sent(self, template: str = "order-sent", **changes: Any) -> dict[str, Any]:
        """Orders, lets the sender work once, and gives the state."""
        answer = await self.order(template, **changes)
        assert answer.status_code == 202, answer.text
        await self.sender.once()
        return await self.state(answer.json()["dispatch"])

    async def state(self, dispatch: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.api.get(f"/v1/relay/{dispatch}")).json()
        return found

    def due(self) -> None:
        rows(self.database, "UPDATE relay_dispatch SET due = now() - interval '1 second'")


async def person(vault: Vault, name: str, phone: str, email: str) -> str:
    items = [TokeniseItem(kind, value, "@1") for kind, value in (("name", name), ("phone", phone), ("email", email))]
    made = await tokenise(vault, program(), items, request_id="1")
    return str(made[0].subject)


@pytest.fixture
async def shop(
    vault: Vault, keys: MemoryKeyService, vault_database: Database, mailbox: Mailbox, web: WebService
) -> AsyncIterator[Shop]:
    owner: Any = {"tenant": "demo", "local": True}
    mail = Destination("mail", "smtp", f"smtp://127.0.0.1:{mailbox.port}", "shop@example.ru")
    await add_destination(vault_database.owner_url, keys, mail, **owner)
    http = Destination("web", "http", f"http://127.0.0.1:{web.port}/api", "SHOP", secret="key-1")
    report = await add_destination(vault_database.owner_url, keys, http, **owner)
    digests = {}
    for content in (MAIL, SMS, PARCEL):
        template = read_template(content)
        digests[template.id] = await propose(vault, staff("owner"), template, request_id="1")
        await approve(vault, staff("officer"), template=template.id, version=1, digest=template.digest, request_id="2")
    callers = Callers()
    app = FastAPI()
    install(app)
    app.include_router(build_relay(vault, callers, BUDGETS))  # type: ignore[arg-type]
    app.include_router(build_reports(vault))
    sender = Sender(vault, Outside(Reach(local=True), plain=True))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://vault") as api:
        buyer = await person(vault, "Вера <b>", PHONE, EMAIL)
        other = await person(vault, "Пётр", "+79005556677", "other@example.ru")
        yield Shop(vault, vault_database, api, sender, callers, digests, buyer, other, report)


async def test_a_mail_reaches_the_person_and_the_sender_learns_only_that(shop: Shop, mailbox: Mailbox) -> None:
    state = await shop.sent()
    assert (state["state"], state["failure"], state["answer"]) == ("sent", None, None)
    ((recipients, content),) = mailbox.mails
    assert recipients == [EMAIL]
    message = message_from_bytes(content, policy=policy.default)
    assert message["subject"] == "Заказ 7001"
    assert "Вера <b>, заказ в пути." in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "Вера &lt;b&gt;" in message.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert EMAIL not in json.dumps(state)


async def test_an_order_is_sent_once_however_often_it_is_asked_for(shop: Shop, mailbox: Mailbox) -> None:
    first = (await shop.order()).json()
    await shop.sender.once()
    assert (await shop.order()).json() == first
    await shop.sender.once()
    assert len(mailbox.mails) == 1
    with pytest.raises(AssertionError, match=IdempotencyConflict.code):
        await shop.sent(subject=shop.other)


async def test_nobody_mails_one_persons_values_to_another(shop: Shop, mailbox: Mailbox) -> None:
    """The public service's own credentials: whatever it names, recipient and values are of one person."""
    attacks: tuple[dict[str, Any], ...] = (
        {"parameters": {"number": EMAIL}},
        {"parameters": {"number": PHONE}},
        {"parameters": {"number": "7", "email": "attacker@example.ru"}},
        {"parameters": {}},
        {"recipient": "attacker@example.ru"},
        {"to": shop.other},
        {"subject": f"{shop.buyer},{shop.other}"},
        {"digest": "0" * 64},
        {"version": 2},
        {"template": "other"},
    )
    for attack in attacks:
        answer = await shop.order(key=f"attack-{json.dumps(attack)}", **attack)
        assert answer.status_code in (403, 422), attack
    await shop.sent(key="order-of-the-other", subject=shop.other)
    ((recipients, content),) = mailbox.mails
    assert recipients == ["other@example.ru"]
    assert "Вера" not in message_from_bytes(content, policy=policy.default).get_body(("plain",)).get_content()  # type: ignore[union-attr]


async def test_a_text_that_was_changed_after_its_approval_is_not_sent(shop: Shop, mailbox: Mailbox) -> None:
    rows(
        shop.database,
        "UPDATE relay_template SET content = jsonb_set(content, '{email,text}', '\"{{person.name}} {{person.phone}}\"')"
        " WHERE id = 'order-sent'",
    )
    assert (await shop.order()).json()["code"] == "unknown_template"
    assert mailbox.mails == []


async def test_a_template_needs_somebody_elses_approval(shop: Shop) -> None:
    template = read_template(MAIL | {"version": 2})
    digest = await propose(shop.vault, staff("owner"), template, request_id="1")
    place: Any = {"template": template.id, "version": 2, "digest": digest, "request_id": "2"}
    assert (await shop.order(version=2, digest=digest)).json()["code"] == "unknown_template"
    with pytest.raises(UnknownTemplate):
        await approve(shop.vault, staff("owner"), **place)
    with pytest.raises(UnknownTemplate):
        await approve(shop.vault, staff("officer"), **(place | {"digest": "0" * 64}))
    await approve(shop.vault, staff("officer"), **place)
    assert (await shop.order(version=2, digest=digest)).status_code == 202


@pytest.mark.parametrize(
    "change",
    [
        {"purpose": "nonsense"},
        {"destination": "web"},
        {"email": {"subject": "x", "text": "{{person.nonsense}}"}},
    ],
)
async def test_a_template_that_could_never_be_sent_is_refused_when_proposed(shop: Shop, change: dict[str, Any]) -> None:
    with pytest.raises(BadTemplate):
        await propose(shop.vault, staff("owner"), read_template(MAIL | {"version": 3} | change), request_id="1")


async def test_what_waits_is_asked_again_before_it_goes(shop: Shop, mailbox: Mailbox) -> None:
    async def outcome(key: str) -> tuple[str, str]:
        await shop.sender.once()
        (found,) = rows(shop.database, "SELECT state, failure FROM relay_dispatch WHERE request_key = %s", key)
        return str(found[0]), str(found[1])

    await shop.order(key="order-blocked")
    rows(shop.database, "UPDATE subject SET state = 'b'")
    assert await outcome("order-blocked") == ("refused", "consent_missing")
    rows(shop.database, "UPDATE subject SET state = 'a'")
    await shop.order(key="order-retired")
    await retire(shop.vault, staff("officer"), template="order-sent", version=1, request_id="3")
    assert await outcome("order-retired") == ("refused", "unknown_template")
    assert mailbox.mails == []


async def test_marketing_goes_to_those_who_agreed_and_stops_when_they_no_longer_do(
    shop: Shop, mailbox: Mailbox
) -> None:
    template = read_template(
        MAIL | {"id": "news", "purpose": "marketing", "email": {"subject": "Новости", "text": "!"}}
    )
    shop.digests["news"] = await propose(shop.vault, staff("owner"), template, request_id="1")
    await approve(shop.vault, staff("officer"), template="news", version=1, digest=template.digest, request_id="2")
    refused = await shop.order("news", parameters={})
    assert refused.status_code == 403
    rows(shop.database, "UPDATE subject SET consents = consents | 1")  # marketing by email
    status = await shop.api.get(f"/v1/consents/{shop.buyer}", params={"purpose": "marketing", "channel": "email"})
    assert status.json() == {"allowed": True}
    assert (await shop.sent("news", key="news-0001", parameters={}))["state"] == "sent"
    await shop.order("news", key="news-0002", parameters={})
    rows(shop.database, "UPDATE subject SET consents = 0")
    await shop.sender.once()
    assert len(mailbox.mails) == 1
    status = await shop.api.get(f"/v1/consents/{shop.buyer}", params={"purpose": "marketing", "channel": "email"})
    assert status.json() == {"allowed": False}


async def test_an_sms_goes_out_and_its_report_comes_back_without_a_value(shop: Shop, web: WebService) -> None:
    state = await shop.sent("sms-sent")
    ((method, path, headers, body),) = web.requests
    assert (method, path, headers["authorization"]) == ("POST", "/api", "Bearer key-1")
    assert json.loads(body) == {"id": state["id"], "to": PHONE, "from": "SHOP", "text": "Заказ 7001 в пути"}
    url = f"/relay/demo/web/{shop.report}"
    report = {"id": "out-1", "status": "undelivered", "phone": PHONE, "text": "some words"}
    assert (await shop.api.post(url, json=report)).status_code == 200
    assert (await shop.state(state["id"]))["state"] == "bounced"
    (kept,) = rows(shop.database, "SELECT row_to_json(d)::text FROM relay_dispatch d")
    assert PHONE not in str(kept)
    assert "some words" not in str(kept)


async def test_a_report_with_a_wrong_secret_changes_nothing_and_is_told_nothing(shop: Shop) -> None:
    state = await shop.sent("sms-sent")
    for url in ("/relay/demo/web/wrong", f"/relay/other/web/{shop.report}", f"/relay/demo/mail/{shop.report}"):
        answer = await shop.api.post(url, json={"id": "out-1", "status": "failed"})
        assert (answer.status_code, answer.content) == (200, b"")
    assert (await shop.state(state["id"]))["state"] == "sent"


async def test_of_a_partners_answer_only_what_the_template_names_comes_back(shop: Shop, web: WebService) -> None:
    web.answers.clear()
    web.answer(
        201,
        {"track": "TR123", "note": f"звоните {PHONE}", "courier": {"phone": "+79007778899"}, "extra": "secret words"},
    )
    state = await shop.sent("parcel")
    assert state["state"] == "sent"
    assert state["answer"]["/track"] == "TR123"
    assert state["answer"]["/courier/phone"].startswith("tok_phone_")
    assert set(state["answer"]) == {"/track", "/courier/phone"}
    (sent,) = web.requests
    assert json.loads(sent[3]) == {"to": {"name": "Вера <b>", "phone": PHONE}}


async def test_a_redirect_is_not_followed(shop: Shop, web: WebService) -> None:
    web.answers.clear()
    web.answer(307, {}, location=f"http://127.0.0.1:{web.port}/elsewhere")
    state = await shop.sent("parcel")
    assert (state["state"], state["failure"]) == ("dead", "http_307")
    assert [request[1] for request in web.requests] == ["/api/v1/parcels"]


async def test_a_name_that_leads_inside_is_not_called(shop: Shop, web: WebService) -> None:
    async def rebound(_host: str, _port: int) -> list[str]:
        return ["169.254.169.254"]

    shop.sender = Sender(shop.vault, Outside(Reach(), lookup=rebound))
    state = await shop.sent("parcel")
    assert (state["state"], state["failure"]) == ("dead", "forbidden_address")
    shop.sender = Sender(shop.vault, Outside(Reach()))  # production: loopback is inside
    state = await shop.sent("parcel", key="order-0002")
    assert (state["state"], state["failure"]) == ("dead", "forbidden_address")
    assert web.requests == []


async def test_an_answer_that_never_ends_is_cut(shop: Shop, web: WebService) -> None:
    web.answers.clear()
    web.answers.append((200, {}, b"x" * 400_000))
    assert (await shop.sent("parcel"))["failure"] == "answer_too_large"


async def test_trouble_outside_is_tried_again_and_given_up_visibly(shop: Shop, mailbox: Mailbox) -> None:
    mailbox.refusals[:] = ["451 later", "451 later"]
    dispatch = (await shop.order()).json()["dispatch"]
    await shop.sender.once()
    assert (await shop.state(dispatch))["failure"] == "smtp_451"
    assert await shop.sender.once() == 0  # not before its time
    for _ in range(2):
        shop.due()
        await shop.sender.once()
    assert (await shop.state(dispatch))["state"] == "sent"
    mailbox.refusals[:] = ["451 later"] * (ATTEMPTS + 1)
    dispatch = (await shop.order(key="order-0002")).json()["dispatch"]
    for _ in range(ATTEMPTS):
        shop.due()
        await shop.sender.once()
    assert (await shop.state(dispatch))["state"] == "dead"


async def test_a_refusal_for_good_is_not_repeated(shop: Shop, mailbox: Mailbox) -> None:
    mailbox.refusals[:] = ["550 no such box"]
    assert (await shop.sent())["failure"] == "smtp_550"
    assert mailbox.refusals == []


async def test_a_destination_that_is_away_costs_nothing_but_time(shop: Shop) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"smtp://127.0.0.1:{taken.getsockname()[1]}"
        rows(shop.database, "UPDATE relay_destination SET url = %s WHERE id = 'mail'", url)
        state = await shop.sent()
    assert (state["state"], state["failure"]) == ("queued", "no_answer")


async def test_beyond_the_budget_nothing_is_sent_and_it_is_on_the_record(shop: Shop, mailbox: Mailbox) -> None:
    for at in range(BUDGETS["email"]):
        await shop.sent(key=f"order-{at:04}")
    answer = await shop.order(key="order-beyond")
    assert (answer.status_code, answer.json()["code"]) == (429, "relay_budget_exceeded")
    assert len(mailbox.mails) == BUDGETS["email"]
    found = rows(shop.database, "SELECT count(*) FROM audit_detail WHERE decision = 'relay_budget_exceeded'")
    assert found == [(1,)]


async def test_intent_and_result_are_both_on_the_record(shop: Shop) -> None:
    await shop.sent()
    found = rows(shop.database, "SELECT decision FROM audit_detail WHERE verb = 'relay' ORDER BY idx")
    assert [row[0] for row in found] == ["intent", "sent"]


async def test_a_person_of_another_shop_is_not_written_to(shop: Shop) -> None:
    shop.callers.principal = Principal(
        kind="service", id="crm", tenant="other", roles=("public_service",), contour="public"
    )
    assert (await shop.order()).json()["code"] == "unknown_template"


@pytest.mark.parametrize(
    "url", ["http://mail.example", "ftp://x", "https://", "https://u:p@x", "https://x?y=1", "smtp://x:99999", "x"]
)
async def test_a_destination_that_is_none_is_refused(keys: MemoryKeyService, shop: Shop, url: str) -> None:
    with pytest.raises(InvalidRequest):
        await add_destination(
            shop.database.owner_url, keys, Destination("bad", "http", url), tenant="demo", local=False
        )


async def test_a_secret_of_a_destination_is_kept_sealed(shop: Shop) -> None:
    (kept,) = rows(shop.database, "SELECT row_to_json(d)::text FROM relay_destination d WHERE id = 'web'")
    assert "key-1" not in str(kept)
    assert shop.report not in str(kept)
