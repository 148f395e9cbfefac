"""Every endpoint of the vault, as its own applications list them, and what each owes to a stranger.

The list is taken from the composition root, so an endpoint that is added stands in the matrix at once, and the test
fails until somebody says here what strangers get. `endpoints.txt` is that list for whoever has no instance to ask: an
environment's edges are tried by it, and the test compares both.
"""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from fastapi import FastAPI

from pii_vault.assemble import open_keys
from pii_vault.hosts import applications
from scripts.local.instance import Instance

Host = Literal["vault", "console", "hooks", "service"]
# open: for everybody, without a value · bearer: a token of audience vault · cookie: the vault's session, from its own
# pages · page: the same, but strangers are led to the sign-in · form: own pages only · signed: a shop's signature ·
# code: a code that was sent to one person · client: an OpenID client with a certificate ·
# private: programs of the private contour · peer: any registered program
Guard = Literal["open", "bearer", "cookie", "page", "console", "form", "signed", "code", "client", "private", "peer"]

GUARDS: Final[tuple[tuple[str, Guard], ...]] = (
    (r"\w+ GET /(healthz|readyz|static/.*|language/.*)|vault GET /v1/openapi.json", "open"),
    (r"(console|hooks|service) GET /v1/openapi.json", "open"),
    (r"service (GET|POST) /v1/.*", "peer"),
    (r"service GET /metrics|vault GET /metrics", "private"),
    (r"vault (GET|POST) /v1/.*", "bearer"),
    (r"vault GET /frames/\{kind\}", "open"),
    (r"vault POST /frames/api/.*", "cookie"),
    (r"(vault|service) GET /identity/jwks|(vault|service) GET /.well-known/openid-configuration", "open"),
    (r"vault GET /identity/(signin|second-factor|invitation/\{code\}|signed-out|signout)", "open"),
    (r"vault GET /identity/(sessions|authorize|handover)", "page"),
    (r"vault POST /identity/.*", "form"),
    (r"service POST /identity/(token|revoke)", "client"),
    (r"console GET /signin(/callback)?", "open"),
    (r"console POST /signout", "form"),
    (r"console (GET|POST) /(matrix|audit.*|person.*|alarms.*|break-glass.*|relay.*)?", "console"),
    (r"hooks POST /in/.*", "signed"),
    (r"hooks POST /relay/.*", "open"),  # always 200 and empty: who sends a wrong secret learns nothing
    (r"vault (GET|POST) /consent/.*", "code"),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    host: Host
    method: str
    path: str  # as it is routed, with {parameters}

    def __str__(self) -> str:
        return f"{self.host} {self.method} {self.path}"

    @property
    def guard(self) -> Guard:
        for form, guard in GUARDS:
            if re.fullmatch(form, f"{self.host} {self.method} {self.path}"):
                return guard
        message = f"say in tests/e2e/endpoints.py what strangers get at {self}"
        raise AssertionError(message)

    def address(self, **parameters: str) -> str:
        known = {"kind": "reveal", "code": "x" * 43, "version": "0", "name:path": "none.css", "lang": "ru",
                 "consent": f"cns_{'0' * 26}"} | parameters  # fmt: skip
        return re.sub(r"\{([a-z_:]+)\}", lambda found: known.get(found[1], "1"), self.path)


def known() -> list[Endpoint]:
    """What `endpoints.txt` lists."""
    lines = Path(__file__).with_name("endpoints.txt").read_text("utf-8").splitlines()
    return [Endpoint(*line.split(" ")) for line in lines]  # type: ignore[arg-type]


async def walk(instance: Instance) -> list[Endpoint]:
    """All endpoints of both listeners."""
    async with _named(instance) as named:
        return [endpoint for host, app in named.items() for endpoint in _routes(host, app)]


async def described(instance: Instance) -> dict[Host, dict[str, Any]]:
    """What each host's applications say of their own API: one description a host, the streams with it."""
    found: dict[Host, dict[str, Any]] = {}
    async with _named(instance) as named:
        for host, app in named.items():
            whole: dict[str, Any] = {}
            for each in _applications(app):
                said = each.openapi()
                paths, parts = whole.get("paths", {}), whole.get("components", {}).get("schemas", {})
                schemas = parts | said.get("components", {}).get("schemas", {})
                whole = said | {"paths": paths | said["paths"], "components": {"schemas": schemas}}
            found[host] = whole
    return found


@asynccontextmanager
async def _named(instance: Instance) -> AsyncIterator[dict[Host, Any]]:
    settings = instance.vault_settings()
    async with applications(settings, open_keys(settings), None) as (browser, service):
        by_host: Any = browser
        while not hasattr(by_host, "_apps"):
            by_host = by_host._app
        named: dict[Any, Any] = {origin.decode().partition(".")[0]: app for origin, app in by_host._apps.items()}
        yield named | {"service": service}


def _applications(app: Any) -> Iterator[FastAPI]:
    while not isinstance(app, FastAPI):
        if hasattr(app, "_streams"):
            yield from _applications(app._streams)
        app = app._app
    yield app


def _routes(host: Any, app: Any) -> Iterator[Endpoint]:
    """Through the layers around the application, the hot endpoints on the way, down to its routes."""
    while not isinstance(app, FastAPI):
        for path in getattr(app, "_hot", {}):
            yield Endpoint(host, "POST", path)
        if hasattr(app, "_streams"):
            yield from _routes(host, app._streams)
        app = app._app
    for route in _flat(app.routes):
        for method in sorted(set(getattr(route, "methods", None) or {"GET"}) - {"HEAD"}):
            yield Endpoint(host, method, route.path)


def _flat(routes: Sequence[Any]) -> Iterator[Any]:
    """FastAPI keeps an included router as one route of its own kind."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from _flat(included.routes)
