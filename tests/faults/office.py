"""A shop with an approved mail and a member of staff, in the database of a rig: what wrong clocks could harm."""

import asyncio
import email
import email.policy
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import httpx

from pii_vault.assemble import open_keys, open_vault
from pii_vault.config import VaultSettings
from pii_vault.consent.texts import add_text
from pii_vault.identity import store
from pii_vault.identity.context import OpenIdentity
from pii_vault.identity.dev import DEV_CLIENT, issue_vault_token
from pii_vault.identity.tokens import access_token
from pii_vault.relay.destinations import add_destination
from pii_vault.relay.outside import Destination
from pii_vault.relay.template import read_template
from pii_vault.relay.templates import approve, propose
from tests.faults.rig import Rig
from tests.support.issuer import hire, issuer, settings_of
from tests.support.outside import Mailbox
from tests.support.vault import POLICIES, staff

MAIL: Final[dict[str, Any]] = {
    "id": "order-sent", "version": 1, "title": "Заказ отправлен", "purpose": "delivery", "destination": "mail",
    "parameters": {"number": "order_number"},
    "email": {"subject": "Заказ {{given.number}}", "text": "Заказ в пути.", "html": "<p>Заказ в пути.</p>"},
}  # fmt: skip
ADDRESS: Final = "buyer@example.ru"
PATIENCE_SECONDS: Final = 120.0  # a busy machine is slow


@dataclass
class Office:
    rig: Rig
    issuer: OpenIdentity
    mailbox: Mailbox
    member: str
    digest: str
    buyer: str = ""

    def bearer(self, *, age: timedelta = timedelta(0)) -> str:
        """A genuine token that was issued so long ago; five minutes is what it lasts."""
        if not age:
            return issue_vault_token(self.issuer, staff_id=self.member)
        now = self.issuer.now()
        with self.issuer.sessions.begin() as db:
            session = store.begin(db, staff_id=self.member, device="test", policy=self.issuer.policy, now=now)
            return access_token(self.issuer, session, audience="vault", client_id=DEV_CLIENT, now=now - age)

    def order(self, number: int) -> None:
        """The mail about this order is taken up; asked for until it is, under one key."""
        parameters = {"number": str(number)}
        content = {"template": MAIL["id"], "version": 1, "digest": self.digest, "subject": self.buyer}
        headers = {"larets-tenant": "demo", "idempotency-key": f"order-{number:06}"}
        deadline = time.monotonic() + PATIENCE_SECONDS
        with self.rig.server.http("crm", "public") as client:
            client.timeout = httpx.Timeout(30)
            while True:
                answer = client.post("/v1/relay", json=content | {"parameters": parameters}, headers=headers)
                if answer.status_code == httpx.codes.ACCEPTED:
                    return
                assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def consent(self, act: str = "") -> None:
        """Given to calls with offers; or `/withdraw`n."""
        body = {"purpose": "marketing", "channel": "call"} | ({} if act else {"how": "paper"})
        with self.rig.server.http() as client:
            client.timeout = httpx.Timeout(30)
            address = f"/v1/subjects/{self.buyer}/consents{act}"
            answer = client.post(address, json=body, headers={"larets-tenant": "demo"})
        assert answer.is_success, answer.text

    def consented(self) -> bool:
        place = {"purpose": "marketing", "channel": "call"}
        with self.rig.server.http("crm", "public") as client:
            client.timeout = httpx.Timeout(30)
            answer = client.get(f"/v1/consents/{self.buyer}", params=place, headers={"larets-tenant": "demo"})
        return bool(answer.json()["allowed"])

    def spend(self) -> None:
        """All searches of this hour and of the next, as if they had been made."""
        with self.rig.connect() as connection:
            connection.execute(
                "INSERT INTO budget_use (tenant_key, principal, action, hour, used) "
                "SELECT key, %s, 'search', date_trunc('hour', now()) + hours * interval '1 hour', 10000 "
                "FROM tenant, generate_series(0, 1) AS hours WHERE id = 'demo' "
                "ON CONFLICT (tenant_key, principal, action, hour) DO UPDATE SET used = excluded.used",
                [f"staff:{self.member}"],
            )

    def search(self) -> int:
        """What a search gives now: 429 where the budget is used up."""
        body = {"purpose": "order_processing", "class": "email", "value": ADDRESS}
        with self.rig.server.browser() as client:
            client.timeout = httpx.Timeout(30)
            headers = {"authorization": f"Bearer {self.bearer()}"}
            return client.post("/v1/search", json=body, headers=headers).status_code

    def waiting(self) -> list[tuple[object, ...]]:
        """State, last failure and attempts of what is not finished."""
        question = "SELECT state, failure, attempts FROM relay_dispatch WHERE finished IS NULL"
        with self.rig.connect() as connection:
            return connection.execute(question).fetchall()

    def mails(self) -> Counter[str]:
        """How often each order's mail came."""
        found = [email.message_from_bytes(content, policy=email.policy.default) for _, content in self.mailbox.mails]
        return Counter(str(each["subject"]).removeprefix("Заказ ") for each in found)


@contextmanager
def office(there: Rig, mailbox: Mailbox) -> Iterator[Office]:
    settings = settings_of(there.settings)
    with issuer(settings) as opened:
        member = hire(opened, tenant="demo", role="sales")
        digest = asyncio.run(_approved(there, settings, mailbox))
        made = Office(there, opened, mailbox, member, digest)
        with there.server.http() as client:
            body = {"items": [{"class": "email", "value": ADDRESS}]}
            answer = client.post("/v1/tokenise", json=body, headers={"larets-tenant": "demo"})
        made.buyer = answer.json()["items"][0]["subject"]
        yield made


async def _approved(there: Rig, settings: VaultSettings, mailbox: Mailbox) -> str:
    keys = open_keys(settings)
    place = Destination("mail", "smtp", f"smtp://127.0.0.1:{mailbox.port}", "shop@example.ru")
    await add_destination(there.database.owner_url, keys, place, tenant="demo", local=True)
    template = read_template(MAIL)
    async with open_vault(settings.database_url, keys, POLICIES, pool_size=2) as vault:
        await propose(vault, staff("owner"), template, request_id="1")
        await add_text(vault, staff("officer"), purpose="marketing", text="Согласен на звонки.", request_id="0")
        await approve(vault, staff("officer"), template=template.id, version=1, digest=template.digest, request_id="2")
    return template.digest
