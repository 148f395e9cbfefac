"""A shop with destinations, approved templates and two persons, before a mail server and a web service."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from pii_vault.access.principal import Principal
from pii_vault.api.auth import Caller
from pii_vault.keys.memory import MemoryKeyService
from pii_vault.operations.items import TokeniseItem
from pii_vault.operations.tokenise import tokenise
from pii_vault.problems import install
from pii_vault.relay.addresses import Reach
from pii_vault.relay.deliver import Sender
from pii_vault.relay.destinations import add_destination
from pii_vault.relay.endpoints import build_relay
from pii_vault.relay.outside import Destination, Outside
from pii_vault.relay.reports import build_reports
from pii_vault.relay.template import read_template
from pii_vault.relay.templates import approve, propose
from pii_vault.vault import Vault
from tests.support.outside import Mailbox, WebService, mail_server, web_service
from tests.support.postgres import Database
from tests.support.vault import program, rows, staff

ORIGIN = "https://vault.example.ru"
PHONE, EMAIL = "+79001112233", "buyer@example.ru"
BUDGETS: Any = {"email": 3, "sms": 100, "api": 100}
MAIL: dict[str, Any] = {
    "id": "order-sent", "version": 1, "title": "Заказ отправлен", "purpose": "delivery", "destination": "mail",
    "parameters": {"number": "order_number"},
    "email": {"subject": "Заказ {{given.number}}", "text": "{{person.name}}, заказ в пути.",
              "html": "<p>{{person.name}}</p>"},
}  # fmt: skip
SMS = {"id": "sms-sent", "version": 1, "title": "СМС", "purpose": "delivery", "destination": "web",
       "parameters": {"number": "order_number"}, "sms": {"text": "Заказ {{given.number}} в пути"}}  # fmt: skip
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

    async def approve(self, content: dict[str, Any]) -> None:
        """One proposes, another approves."""
        template = read_template(content)
        await propose(self.vault, staff("owner"), template, request_id="1")
        place: Any = {"template": template.id, "version": template.version, "digest": template.digest}
        await approve(self.vault, staff("officer"), **place, request_id="2")
        self.digests[template.id] = template.digest

    def told(self) -> list[tuple[str, str | None]]:
        """What the public contour will be told, oldest first: state and failure."""
        found = rows(self.database, "SELECT body FROM gateway_outbox WHERE object = 'dispatch' ORDER BY sequence")
        data = [json.loads(bytes(row[0]))["data"] for row in found]  # type: ignore[call-overload]
        return [(each["state"], each["failure"]) for each in data]


async def person(vault: Vault, name: str, phone: str, email: str) -> str:
    items = [TokeniseItem(kind, value, "@1") for kind, value in (("name", name), ("phone", phone), ("email", email))]
    made = await tokenise(vault, program(), items, request_id="1")
    return str(made[0].subject)


def sender_of(vault: Vault, outside: Outside | None = None) -> Sender:
    return Sender(vault, outside or Outside(Reach(local=True), plain=True), vault_origin=ORIGIN)


@pytest.fixture
async def shop(
    vault: Vault, keys: MemoryKeyService, vault_database: Database, mailbox: Mailbox, web: WebService
) -> AsyncIterator[Shop]:
    owner: Any = {"tenant": "demo", "local": True}
    mail = Destination("mail", "smtp", f"smtp://127.0.0.1:{mailbox.port}", "shop@example.ru")
    await add_destination(vault_database.owner_url, keys, mail, **owner)
    http = Destination("web", "http", f"http://127.0.0.1:{web.port}/api", "SHOP", secret="key-1")
    report = await add_destination(vault_database.owner_url, keys, http, **owner)
    callers = Callers()
    app = FastAPI()
    install(app)
    app.include_router(build_relay(vault, callers, BUDGETS))  # type: ignore[arg-type]
    app.include_router(build_reports(vault))
    sender = sender_of(vault)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://vault") as api:
        buyer = await person(vault, "Вера <b>", PHONE, EMAIL)
        other = await person(vault, "Пётр", "+79005556677", "other@example.ru")
        made = Shop(vault, vault_database, api, sender, callers, {}, buyer, other, report)
        for content in (MAIL, SMS, PARCEL):
            await made.approve(content)
        yield made
