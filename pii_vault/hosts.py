"""The vault's applications: which host and which listener serves what. The composition root behind main.py."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker
from starlette.types import ASGIApp, Receive, Scope, Send

from pii_vault.api import openapi
from pii_vault.api.auth import Authenticator
from pii_vault.api.body import LimitedBodies
from pii_vault.api.health import build_health, build_service_pages
from pii_vault.api.hot import HotEndpoints
from pii_vault.api.shapes import build_shapes
from pii_vault.assemble import open_vault
from pii_vault.classify.endpoints import build_texts
from pii_vault.classify.process import ClassifierProcess
from pii_vault.config import VaultSettings
from pii_vault.consent.endpoints import build_confirmation
from pii_vault.console.endpoints import build_console
from pii_vault.edge import BehindEdge
from pii_vault.errors import MisdirectedRequest
from pii_vault.files.choose import open_files
from pii_vault.files.endpoints import build_files
from pii_vault.gateway.endpoints import build_gateway
from pii_vault.identity.endpoints import build_console_signin, build_identity, build_identity_service
from pii_vault.identity.sessions import build_staff_sessions
from pii_vault.keys.service import KeyService
from pii_vault.problems import SafeErrors, install, problem
from pii_vault.protocol import STREAMS
from pii_vault.relay.budgets import load_relay_budgets
from pii_vault.relay.endpoints import build_relay
from pii_vault.relay.reports import build_reports
from pii_vault.rights.caches import obeying
from pii_vault.rights.endpoints import RightsEndpoints
from pii_vault.rights.gate import RestoreGate, watching
from pii_vault.rights.journal import open_journal
from pii_vault.services import Services
from pii_vault.streams.endpoints import build_streams
from pii_vault.web import BrowserGuard, build_site
from pii_vault.widgets.endpoints import build_frames

_STREAMS = tuple(path.decode() for path in STREAMS)
Routes = Mapping[str, Callable[[Scope, Receive, Send], Awaitable[None]]]


class ByHost:
    """Dispatches by the Host header; an unknown host gets 421, whatever it asks for."""

    def __init__(self, apps: Mapping[str, ASGIApp]) -> None:
        """`apps`: origin → application."""
        self._apps = {urlsplit(origin).netloc.lower().encode(): app for origin, app in apps.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hosts = [value.lower() for name, value in scope["headers"] if name == b"host"]
        app = self._apps.get(hosts[0]) if len(hosts) == 1 else None
        if app is None:
            app = problem(MisdirectedRequest())
        await app(scope, receive, send)


class ByPath:
    """The hot endpoints first, by exact path; then the streams, whose bodies have no limit of a megabyte; everything
    else goes on to the application behind.

    What stands outermost on a listener also says what its protocol may answer without ASGI (`direct`).
    """

    def __init__(self, hot: HotEndpoints, streams: ASGIApp, app: ASGIApp) -> None:
        self._hot: Routes = hot.routes
        self._streams = streams
        self._app = app
        self.direct = hot.direct

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._hot.get(scope["path"])
        if endpoint is not None:
            await endpoint(scope, receive, send)
        elif scope["path"].startswith(_STREAMS):
            await self._streams(scope, receive, send)
        else:
            await self._app(scope, receive, send)


@asynccontextmanager
async def applications(
    settings: VaultSettings,
    keys: KeyService,
    metrics_dir: Path | None,
    certificates: Mapping[str, Callable[[], datetime]] = MappingProxyType({}),
) -> AsyncIterator[Sequence[ASGIApp]]:
    """The browser listener's application and the service listener's, on this event loop. `certificates`: what the
    metrics tell of those in use, by their use.

    Raises:
        PolicyError, StoreUnavailable, KeyServiceUnavailable.
    """
    engine = create_engine(
        settings.database_url.replace("postgresql://", "postgresql+psycopg://", 1),
        pool_size=4,
        max_overflow=4,
        pool_timeout=3,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"connect_timeout": 3},
    )
    async with AsyncExitStack() as stack:
        stack.callback(engine.dispose)
        vault = await stack.enter_async_context(
            open_vault(
                settings.database_url,
                keys,
                settings.policies_dir,
                replica_urls=settings.replica_urls,
                replica_wait=settings.replica_wait_ms / 1000,
                dek_seconds=settings.dek_seconds,
            )
        )
        await stack.enter_async_context(obeying(vault))
        journal = await open_journal(settings.erasure_journal_path, keys)
        gate = await stack.enter_async_context(watching(vault, journal, replay=settings.erasure_replay))
        sessions = sessionmaker(engine, expire_on_commit=False)
        staff = build_staff_sessions(settings, vault, sessions)
        classifier = ClassifierProcess()  # begun by the first text of a shop that lets texts cross
        stack.callback(classifier.close)
        services = Services(settings, vault, sessions, staff, classifier)
        authenticator = Authenticator(vault, staff)
        hot = HotEndpoints(vault, authenticator)
        pages = build_service_pages(vault, authenticator, metrics_dir, certificates)
        rights = RightsEndpoints(vault, authenticator, journal).router()
        texts, shapes = build_texts(vault, authenticator, classifier), build_shapes(vault, authenticator)
        shown = [pages, rights, texts, shapes, build_confirmation(vault)]
        streams = [build_streams(vault, authenticator)]
        files = await open_files(settings)
        if files is not None:
            stack.push_async_callback(files.close)
            streams.append(build_files(vault, authenticator, files))
        streaming = gate.before(_app("Larets streams", streams))
        relay = build_relay(vault, authenticator, load_relay_budgets(settings.policies_dir / "relay.yaml"))
        hooks = _app("Larets hooks", [build_health(vault), build_gateway(services), build_reports(vault)])
        # The servers run without a lifespan of their own: what the gateway does at the end is done here.
        await stack.enter_async_context(hooks.router.lifespan_context(hooks))
        yield [
            SafeErrors(_browser(services, gate, hot, streaming=streaming, pages=shown, hooks=hooks)),
            _service(services, gate, hot, streaming=streaming, pages=[pages, relay, rights, texts, shapes]),
        ]


def _browser(
    services: Services,
    gate: RestoreGate,
    hot: HotEndpoints,
    *,
    streaming: ASGIApp,
    pages: Sequence[APIRouter],
    hooks: ASGIApp,
) -> ASGIApp:
    origins = services.settings.origins
    health = build_health(services.vault)
    vault = _app("Larets vault", [health, *pages, build_identity(services), build_frames(services), build_site()])
    console = _app("Larets console", [health, build_console_signin(services), build_console(services), build_site()])
    by_host = ByHost(
        {
            origins["vault"]: ByPath(
                hot, streaming, gate.before(BrowserGuard(LimitedBodies(vault), origin=origins["vault"]))
            ),
            origins["console"]: gate.before(BrowserGuard(LimitedBodies(console), origin=origins["console"])),
            origins["hooks"]: gate.before(LimitedBodies(hooks)),
        }
    )
    return BehindEdge(by_host, trusted=services.settings.trusted_edge)


def _service(
    services: Services, gate: RestoreGate, hot: HotEndpoints, *, streaming: ASGIApp, pages: Sequence[APIRouter]
) -> ASGIApp:
    app = _app(
        "Larets vault, service listener",
        [build_health(services.vault, witness=True), *pages, build_identity_service(services)],
    )
    return ByPath(hot, SafeErrors(streaming), SafeErrors(gate.before(LimitedBodies(app))))


def _app(title: str, routers: Sequence[APIRouter]) -> FastAPI:
    """Interactive documentation is off: its page would need scripts from elsewhere. So are redirects to an address
    with a slash more or less: they name the host that the request claimed.
    """
    app = FastAPI(
        title=title,
        version="1",
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    install(app)
    for router in routers:
        app.include_router(router)
    if any(route.path == "/v1/audit/checkpoint" for router in routers for route in router.routes):  # type: ignore[attr-defined]
        openapi.describe(app)
    return app
