"""The CRM's real pages around the vault's real frames, in a real browser, over both databases.

Both origins are served under their own names on loopback ports, as in life: one site, two origins. Only the
issuer and the vault's session are played.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
from playwright.async_api import Browser, BrowserContext, Frame, Page
from starlette.types import ASGIApp

from app.compose import build_browser, build_services
from app.config import AppSettings
from app.intake.service import Intake
from app.kit.db import Database
from app.services import AppServices
from app.signin import sessions
from pii_vault.client import RelayPort
from pii_vault.vault import Vault
from tests.integration.app.support import Clock, FakeIssuer, FakeRelay, order_event, staff
from tests.integration.pii_vault.widgets.stage import SESSION, FakeSessions, listening
from tests.integration.pii_vault.widgets.stage import Stage as VaultStage
from tests.support.persons import Person, person

NOTE = "Позвоните за час, домофон не работает. Подъезд со двора."


@dataclass
class Stage:
    vault: VaultStage
    services: AppServices
    issuer: FakeIssuer

    @property
    def origin(self) -> str:
        return self.services.settings.crm_origin

    async def cookie(self, role: str) -> str:
        """The CRM's session cookie of a member of staff who has just signed in."""
        transport = httpx.ASGITransport(build_browser(self.services))
        secure = self.origin.replace("http:", "https:")  # this client keeps Secure cookies for https only
        async with httpx.AsyncClient(transport=transport, base_url=secure) as client:
            answer = await sign_in(client, self.issuer, role)
        return answer.cookies[sessions.COOKIE]

    async def page(self, browser: Browser, role: str = "sales", **options: Any) -> Page:
        """A page of a browser that is signed in at both origins."""
        context: BrowserContext = await browser.new_context(
            **({"locale": "ru-RU", "viewport": {"width": 1280, "height": 860}} | options)
        )
        self.vault.sessions.role = role
        hosts = (("crm", sessions.COOKIE, await self.cookie(role)), ("vault", "__Host-larets_vault", SESSION))
        for host, name, value in hosts:
            await context.add_cookies(
                [
                    {
                        "name": name,
                        "value": value,
                        "domain": f"{host}.larets.localhost",
                        "path": "/",
                        "secure": True,
                        "httpOnly": True,
                        "sameSite": "Strict",
                    }
                ]
            )
        return await context.new_page()

    async def order(self, seed: int, **changes: Any) -> str:
        """An order with a person behind it. Returns its id."""
        data = {"contact": await self.party(seed), "city": person(seed).city, "note_token": None} | changes
        event = msgspec.json.encode(order_event(seed, **data))
        return str((await Intake(self.services.db, clock=self.services.clock).take(event)).order)

    async def party(self, seed: int) -> dict[str, Any]:
        """A person stored in the vault, as an order's event names them."""
        who: Person = person(seed)
        subject = await self.vault.store(name=who.name, phone=who.phone, email=who.email, address=who.address)
        return {"subject": subject, "tokens": {id_: [text] for id_, text in self.vault.tokens.items() if id_ != "text"}}

    async def text(self, value: str = NOTE) -> str:
        """The token of a text about somebody."""
        await self.vault.store(text=value)
        return self.vault.tokens.pop("text")


def reveal_frames(page: Page) -> list[Frame]:
    return [frame for frame in page.frames if frame.url.endswith("/frames/reveal")]


async def sign_in(client: httpx.AsyncClient, issuer: FakeIssuer, role: str) -> httpx.Response:
    """Through the whole flow; the answer sets the session cookie."""
    start = await client.get("/signin/start", headers={"accept": "text/html"})
    query = parse_qs(urlsplit(start.headers["location"]).query)
    issuer.will_issue(staff(role), nonce=query["nonce"][0])
    return await client.get(
        "/signin/callback", params={"code": "code-1", "state": query["state"][0], "iss": issuer.origin}
    )


@contextlib.asynccontextmanager
async def on_stage(
    settings: AppSettings, db: Database, vault: Vault, clock: Clock, *, relay: RelayPort | None = None
) -> AsyncIterator[Stage]:
    played = VaultStage(vault, FakeSessions())
    crm: list[ASGIApp] = []

    async def late(scope: Any, receive: Any, send: Any) -> None:
        await crm[0](scope, receive, send)  # the CRM is built when both origins are known

    def vault_app(origin: str) -> ASGIApp:
        played.vault_origin = origin
        return played.vault_app()

    async with listening("crm", lambda _: late) as crm_origin:
        played.crm_origin = crm_origin
        async with listening("vault", vault_app) as vault_origin:
            issuer = FakeIssuer()
            issuer.origin = vault_origin
            here = settings.model_copy(update={"crm_origin": crm_origin, "vault_origin": vault_origin})
            services = build_services(here, issuer=issuer, relay=relay or FakeRelay(), db=db, clock=clock)
            crm.append(build_browser(services))
            yield Stage(played, services, issuer)
