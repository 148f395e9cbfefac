"""A stage for the vault's browser pages: real vault, real browser, and a bare page that plays the CRM.

Everything is served on ports of the loopback under names of one site, as in life: one site, several origins.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final, cast

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from playwright.async_api import Browser, BrowserContext, Frame, Page
from starlette.types import ASGIApp, Receive, Scope, Send

from pii_vault import problems
from pii_vault.access.principal import Principal
from pii_vault.operations.items import TokeniseItem
from pii_vault.operations.tokenise import tokenise
from pii_vault.services import Services
from pii_vault.vault import Vault
from pii_vault.web import BrowserGuard, build_site
from pii_vault.widgets.endpoints import build_frames
from tests.support.classifiers import Rules
from tests.support.vault import staff

SESSION: Final = "session"
STARTED: Final = 10.0


@dataclass
class FakeSessions:
    """Whoever shows the cookie is one member of staff in this role; nobody when the role is None."""

    role: str | None = "sales"
    tenant: str = "demo"
    principal: Principal | None = None

    async def principal_from_cookie(self, request: Request, *, audience: str) -> Principal | None:
        if self.role is None or request.cookies.get(f"__Host-larets_{audience}") != SESSION:
            return None
        return self.principal or staff(self.role, tenant=self.tenant)

    async def principal_from_bearer(self, token: str) -> Principal:
        raise NotImplementedError


class Counter:
    """Remembers the requests that reached the application behind the guard."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.seen: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(f"{scope['method']} {scope['path']}")
        await self._app(scope, receive, send)


CRM_PAGE = """<!doctype html><html lang="ru"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<body><div id="slot"></div><script src="/crm.js"></script></body></html>"""
CRM_SCRIPT = """
window.received = [];
const params = new URLSearchParams(location.search);
const frame = document.createElement("iframe");
const dark = params.get("theme") === "dark";
document.documentElement.style.colorScheme = dark ? "dark" : "light";
document.body.style.cssText = "margin:16px;background:" + (dark ? "#111827" : "#f6f8fb");
frame.style.cssText = `border:0;display:block;width:100%;height:${params.get("height") ?? 320}px`;
frame.src = `${params.get("vault")}/frames/${params.get("kind")}`;
addEventListener("message", (event) => {
  if (event.origin === params.get("vault") && event.source === frame.contentWindow) received.push(event.data);
});
window.send = (message) => frame.contentWindow.postMessage({ larets: 1, ...message }, params.get("vault"));
document.getElementById("slot").append(frame);
"""


@dataclass
class Stage:
    """The two origins, and what was asked of the vault's."""

    vault: Vault
    sessions: FakeSessions
    vault_origin: str = ""
    crm_origin: str = ""
    counter: Counter | None = None
    tokens: dict[str, str] = field(default_factory=dict)
    classifier: Rules = field(default_factory=Rules)

    async def store(self, **values: str) -> str:
        """One subject with these values; their tokens by class."""
        items = [TokeniseItem(class_id=class_id, value=value, subject="@1") for class_id, value in values.items()]
        results = await tokenise(self.vault, staff("sales"), items, request_id="stage")
        self.tokens |= {item.class_id: result.token or "" for item, result in zip(items, results, strict=True)}
        return results[0].subject or ""

    def asked(self, verb: str) -> int:
        assert self.counter is not None
        return self.counter.seen.count(f"POST /frames/api/{verb}")

    @property
    def settings(self) -> SimpleNamespace:
        return SimpleNamespace(crm_origin=self.crm_origin, vault_origin=self.vault_origin)

    @property
    def services(self) -> Services:
        given = SimpleNamespace(
            settings=self.settings, vault=self.vault, staff_sessions=self.sessions, classifier=self.classifier
        )
        return cast("Services", given)

    def vault_app(self) -> ASGIApp:
        app = FastAPI()
        app.include_router(build_frames(self.services))
        app.include_router(build_site())
        problems.install(app)
        self.counter = Counter(app)
        return BrowserGuard(self.counter, origin=self.vault_origin)

    async def open(self, context: BrowserContext, kind: str, **query: str | int) -> tuple[Page, Frame]:
        """The CRM page with a frame that has said it is ready."""
        page = await context.new_page()
        extra = "".join(f"&{name}={value}" for name, value in query.items())
        await page.goto(f"{self.crm_origin}/?kind={kind}&vault={self.vault_origin}{extra}")
        await page.wait_for_function("received.some((message) => message.type === 'ready')")
        return page, page.frames[1]


def crm_app() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    def page() -> HTMLResponse:
        return HTMLResponse(CRM_PAGE)

    @app.get("/crm.js")
    def script() -> Response:
        return Response(CRM_SCRIPT, media_type="text/javascript")

    return app


@contextlib.asynccontextmanager
async def listening(name: str, build: Callable[[str], ASGIApp]) -> AsyncIterator[str]:
    """Serves what `build(origin)` makes at http://{name}.larets.localhost:{free port}; gives the origin."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        origin = f"http://{name}.larets.localhost:{bound.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(build(origin), log_level="error", lifespan="off"))
        task = asyncio.create_task(server._serve(sockets=[bound]))
        async with asyncio.timeout(STARTED):
            while not server.started:  # noqa: ASYNC110  the server has no event to wait for
                await asyncio.sleep(0.01)
        try:
            yield origin
        finally:
            server.should_exit = True
            await task


@contextlib.asynccontextmanager
async def on_stage(vault: Vault) -> AsyncIterator[Stage]:
    stage = Stage(vault, FakeSessions())

    def vault_app(origin: str) -> ASGIApp:
        stage.vault_origin = origin
        return stage.vault_app()

    async with listening("crm", lambda _: crm_app()) as crm:
        stage.crm_origin = crm
        async with listening("vault", vault_app):
            yield stage


async def signed_in(browser: Browser, *, audience: str = "vault", **options: Any) -> BrowserContext:
    """A browser that holds the session's cookie of the vault's or the console's host."""
    context = await browser.new_context(**options)
    await context.add_cookies(
        [
            {
                "name": f"__Host-larets_{audience}",
                "value": SESSION,
                "domain": f"{audience}.larets.localhost",
                "path": "/",
                "secure": True,
                "httpOnly": True,
                "sameSite": "Strict",
            }
        ]
    )
    return context
