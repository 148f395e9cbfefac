"""A stage for the frames: the vault's router over a small fake vault, and a bare page that plays the CRM.

Both are served on ports of the loopback under two names, as in life: one site, two origins.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from pii_vault.access.principal import Principal
from pii_vault.access.registers import Purpose
from pii_vault.core.classes import load_classes
from pii_vault.core.tokens import new_subject_text, new_token_text, parse_token_shape
from pii_vault.errors import Forbidden, StoreUnavailable, VaultError
from pii_vault.operations.items import FoundSubject, RevealResult, TokeniseItem, TokeniseResult
from pii_vault.services import Services
from pii_vault.web import BrowserGuard, build_site
from pii_vault.widgets.endpoints import build_frames
from scripts.local.browser import ROOT

TENANT = "demo"
COOKIE = "__Host-larets_vault"
PURPOSES = {
    "order_processing": ("Обработка заказа", "Order processing"),
    "delivery": ("Доставка", "Delivery"),
    "support": ("Обслуживание покупателя", "Customer support"),
}
ALLOWED = {  # what the demo policies say of these purposes, in short
    "sales": {"order_processing": ("name", "phone", "email", "address", "text"), "support": ("phone", "email")},
    "owner": {"order_processing": ("name", "phone", "email", "address", "text")},
    "warehouse": {"delivery": ("name", "address")},
}
MASKED = {"marketer": {"order_processing": ("phone", "email")}}


def token(class_id: str, number: int) -> str:
    return new_token_text(class_id, tenant=TENANT, bits=number.to_bytes(16, "big"))


class FakeMatrix:
    purposes: ClassVar = {
        id_: Purpose(id_, {"ru": ru, "en": en}, {"ru": "–", "en": "–"}) for id_, (ru, en) in PURPOSES.items()
    }

    def cell(self, role: str, purpose: str, class_id: str, action: str) -> SimpleNamespace:
        allowed = class_id in ALLOWED.get(role, {}).get(purpose, ())
        masked = allowed or class_id in MASKED.get(role, {}).get(purpose, ())
        outcome = "allow" if allowed and action == "reveal" else "mask" if masked else "deny"
        return SimpleNamespace(outcome=outcome)


@dataclass
class FakeVault:
    """Answers like the vault's operations; counts what it was asked."""

    values: dict[str, str] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    role: str | None = "sales"
    away: bool = False
    asked: list[tuple[str, int]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    stored: list[TokeniseItem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.vault = SimpleNamespace(
            matrix=FakeMatrix(), classes=load_classes(ROOT / "policies" / "classes.yaml")
        )

    @property
    def principal(self) -> Principal:
        return Principal(kind="staff", id="stf_1", tenant=TENANT, roles=(self.role or "",), contour="private")

    async def reveal(
        self, vault: Any, principal: Principal, *, purpose: str, tokens: Sequence[str], request_id: str,
        action: str = "reveal",
    ) -> list[RevealResult]:  # fmt: skip
        del vault, request_id
        self._work(action, len(tokens))
        granted = {**MASKED.get(principal.roles[0], {}), **ALLOWED.get(principal.roles[0], {})}
        if purpose not in granted:
            raise Forbidden
        return [self._answer(principal, purpose, text, action) for text in tokens]

    def _answer(self, principal: Principal, purpose: str, text: str, action: str) -> RevealResult:
        if text in self.erased:
            return RevealResult(error="erased")
        parsed = parse_token_shape(text)
        if parsed is None or text not in self.values:
            return RevealResult(error="unknown_token")
        outcome = self.vault.matrix.cell(principal.roles[0], purpose, parsed.class_id, action).outcome
        if outcome == "deny":
            return RevealResult(error="denied", reason="Ни одно правило этого не разрешает.")
        if outcome == "mask":
            return RevealResult(mask=f"{self.values[text][:2]}•••")
        return RevealResult(value=self.values[text])

    async def search(self, vault: Any, principal: Principal, *, class_id: str, value: str, **_: Any) -> list[FoundSubject]:
        del vault
        self._work("search", 1)
        if principal.roles[0] not in ("sales", "owner"):
            raise Forbidden
        found = [text for text, stored in self.values.items() if stored == value]
        subject = new_subject_text(bytes(16), tenant=TENANT)
        return [FoundSubject(subject=subject, tokens={class_id: found})] if found else []

    async def tokenise(
        self, vault: Any, principal: Principal, items: Sequence[TokeniseItem], *, request_id: str,
        idempotency_key: str | None = None,
    ) -> list[TokeniseResult]:  # fmt: skip
        del vault, principal, request_id
        self._work("tokenise", len(items))
        self.keys.append(idempotency_key)
        self.stored.extend(items)
        subject = new_subject_text(bytes(16), tenant=TENANT)
        return [
            TokeniseResult(token=token(item.class_id, 900 + at), subject=subject) for at, item in enumerate(items)
        ]

    def _work(self, verb: str, count: int) -> None:
        self.asked.append((verb, count))
        if self.away:
            raise StoreUnavailable

    async def principal_from_cookie(self, request: Request, *, audience: str) -> Principal | None:
        assert audience == "vault"
        return self.principal if self.role is not None and request.cookies.get(COOKIE) == "session" else None


CRM_PAGE = """<!doctype html><html lang="ru"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
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
    vault_origin: str
    crm_origin: str
    fake: FakeVault

    def page(self, kind: str, **query: str | int) -> str:
        extra = "".join(f"&{name}={value}" for name, value in query.items())
        return f"{self.crm_origin}/?kind={kind}&vault={self.vault_origin}{extra}"


def vault_app(fake: FakeVault, *, vault_origin: str, crm_origin: str) -> BrowserGuard:
    settings = SimpleNamespace(crm_origin=crm_origin, vault_origin=vault_origin)
    app = FastAPI()
    app.include_router(
        build_frames(cast("Services", SimpleNamespace(settings=settings, vault=fake.vault, staff_sessions=fake)))
    )
    app.include_router(build_site())

    @app.exception_handler(VaultError)
    def problem(request: Request, error: VaultError) -> Response:
        del request
        body = {"code": error.code, "status": error.status_code, "detail": error.detail}
        if errors := getattr(error, "errors", None):
            body["errors"] = errors
        return JSONResponse(body, status_code=error.status_code, media_type="application/problem+json")

    return BrowserGuard(app, origin=vault_origin)


def crm_app() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    def page() -> HTMLResponse:
        return HTMLResponse(CRM_PAGE)

    @app.get("/crm.js")
    def script() -> Response:
        return Response(CRM_SCRIPT, media_type="text/javascript")

    return app


def play(fake: FakeVault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the fake's operations in place of the real ones."""
    monkeypatch.setattr("pii_vault.widgets.service.reveal", fake.reveal)
    monkeypatch.setattr("pii_vault.widgets.endpoints.reveal", fake.reveal)
    monkeypatch.setattr("pii_vault.widgets.endpoints.search", fake.search)
    monkeypatch.setattr("pii_vault.widgets.service.tokenise", fake.tokenise)


@contextlib.asynccontextmanager
async def served(fake: FakeVault) -> AsyncIterator[Stage]:
    with socket.socket() as first, socket.socket() as second:
        for each in (first, second):
            each.bind(("127.0.0.1", 0))
        vault_origin = f"http://vault.larets.localhost:{first.getsockname()[1]}"
        crm_origin = f"http://crm.larets.localhost:{second.getsockname()[1]}"
        apps = (vault_app(fake, vault_origin=vault_origin, crm_origin=crm_origin), crm_app())
        servers = [uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off")) for app in apps]
        for server in servers:
            server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        tasks = [
            asyncio.create_task(server.serve(sockets=[each]))
            for server, each in zip(servers, (first, second), strict=True)
        ]
        while not all(server.started for server in servers):
            await asyncio.sleep(0.01)
        try:
            yield Stage(vault_origin, crm_origin, fake)
        finally:
            for server in servers:
                server.should_exit = True
            await asyncio.gather(*tasks)
