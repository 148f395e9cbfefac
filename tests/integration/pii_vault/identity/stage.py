"""What the issuer's tests are played with: a clock, a browser, the CRM with its certificate."""

import base64
import hashlib
import html
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pyotp
from fastapi import Request

from pii_vault.identity.context import OpenIdentity
from pii_vault.identity.models import Role
from pii_vault.identity.seed import seed_staff
from pii_vault.identity.sessions import IssuerSessions
from pii_vault.identity.totp import new_secret
from pii_vault.protocol import PEER, Peer
from pii_vault.services import Services
from tests.support.postgres import Database
from tests.support.vault import rows

VAULT = "https://vault.larets.localhost"
CONSOLE = "https://console.larets.localhost"
CRM = "https://crm.larets.localhost"
CALLBACK = f"{CRM}/signin/callback"
PASSWORD = "copper tram under nine lamps"
TOP_LEVEL = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **delta: float) -> None:
        self.now += timedelta(**delta)


class WithPeer:
    """Stands for the service listener: says who the peer's certificate belongs to."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.peer: Peer | None = Peer("public", "crm")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope | {PEER: self.peer}, receive, send)


@dataclass(frozen=True)
class Member:
    staff_id: str
    login: str
    secret: str
    tenant: str


class Browser:
    """A top-level window with its cookies. Does not follow redirects by itself."""

    def __init__(self, transport: httpx.ASGITransport, origin: str) -> None:
        headers = TOP_LEVEL | {"Accept-Language": "en"}
        self.client = httpx.AsyncClient(transport=transport, base_url=origin, headers=headers)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=headers)

    async def submit(self, path: str, form: dict[str, str], **headers: str) -> httpx.Response:
        return await self.client.post(path, data=form, headers={"Origin": "null"} | headers)

    def cookie(self, name: str) -> str | None:
        return self.client.cookies.get(name)


def form_of(page: httpx.Response) -> dict[str, str]:
    """The hidden fields of a page's first form."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
    return {name: html.unescape(value) for name, value in found}


def query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@dataclass
class Stage:
    services: Services
    issuer: OpenIdentity
    clock: Clock
    transports: dict[str, httpx.ASGITransport]
    program: httpx.AsyncClient
    peer: WithPeer
    database: Database
    _members: list[Member] = field(default_factory=list)

    @property
    def staff_sessions(self) -> IssuerSessions:
        assert isinstance(self.services.staff_sessions, IssuerSessions)
        return self.services.staff_sessions

    def browser(self, origin: str = VAULT) -> Browser:
        return Browser(self.transports[origin], origin)

    def member(self, role: Role = "sales", *, tenant: str = "demo") -> Member:
        login = f"{role}{len(self._members)}@shop.example.ru"
        secret = new_secret()
        with self.services.sessions.begin() as db:
            staff_id = seed_staff(
                db,
                keys=self.issuer.keys,
                passwords=self.issuer.passwords,
                now=self.clock(),
                tenant=tenant,
                alias=f"{role} {len(self._members)}",
                login=login,
                role=role,
                password=PASSWORD,
                totp_secret=secret,
            )
        member = Member(staff_id, login, secret, tenant)
        self._members.append(member)
        return member

    def code(self, member: Member) -> str:
        return pyotp.TOTP(member.secret).at(self.clock())

    async def give_password(
        self, browser: Browser, login: str, password: str = PASSWORD, *, goes_to: str = ""
    ) -> httpx.Response:
        page = await browser.get(f"/identity/signin?{urlencode({'next': goes_to, 'reauth': '1'})}")
        return await browser.submit("/identity/signin", form_of(page) | {"login": login, "password": password})

    async def give_code(self, browser: Browser, code: str, *, goes_to: str = "") -> httpx.Response:
        page = await browser.get(f"/identity/second-factor?{urlencode({'next': goes_to})}")
        return await browser.submit("/identity/second-factor", form_of(page) | {"code": code})

    async def sign_in(self, browser: Browser, member: Member, *, goes_to: str = "") -> httpx.Response:
        await self.give_password(browser, member.login, goes_to=goes_to)
        answer = await self.give_code(browser, self.code(member), goes_to=goes_to)
        self.clock.forward(seconds=31)  # so that the next sign-in has a code of its own
        return answer

    def audited(self) -> list[tuple[str, str, str]]:
        found = rows(self.database, "SELECT verb, decision, principal FROM audit_detail ORDER BY idx")
        return [(str(verb), str(decision), str(principal)) for verb, decision, principal in found]


@dataclass
class Crm:
    """A CRM's sign-in: what it keeps between redirect and callback, and its calls with the certificate."""

    stage: Stage
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    def address(self, **changes: str | None) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        usual: dict[str, str | None] = {
            "response_type": "code",
            "client_id": "crm",
            "redirect_uri": CALLBACK,
            "scope": "openid offline_access",  # as the app asks
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        query = {name: value for name, value in (usual | changes).items() if value is not None}
        return f"/identity/authorize?{urlencode(query)}"

    async def code(self, browser: Browser, member: Member) -> str:
        """Sign in and come back with a code."""
        await self.stage.sign_in(browser, member)
        answer = await browser.get(self.address())
        return query_of(answer.headers["location"])["code"]

    async def exchange(self, code: str, **changes: str) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "client_id": "crm",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
        }
        return await self.stage.program.post("/identity/token", data=form | changes)

    async def refresh(self, token: str, **changes: str) -> httpx.Response:
        form = {"grant_type": "refresh_token", "client_id": "crm", "refresh_token": token}
        return await self.stage.program.post("/identity/token", data=form | changes)

    async def tokens(self, browser: Browser, member: Member) -> dict[str, Any]:
        answer = await self.exchange(await self.code(browser, member))
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens


def request_with(cookies: dict[str, str]) -> Request:
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return Request({"type": "http", "method": "GET", "path": "/", "headers": [(b"cookie", header.encode())]})
