"""Builds the applications of the public contour from their parts. `main.py` serves them, tests call them."""

import ssl
from typing import Final

import httpx
from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp

from app.config import AppSettings, database_address
from app.contacts.endpoints import build_contacts
from app.edge_guard.middleware import EdgeGuard
from app.erasures.endpoints import erasures_route
from app.erasures.service import Erasures
from app.intake.endpoints import OnlyOutbox, intake_route
from app.intake.service import Intake
from app.kit.clock import Clock, utc_now
from app.kit.db import Database, make_engine
from app.kit.headers import SecurityHeaders
from app.kit.health import build_health
from app.kit.openapi import describe
from app.kit.problems import install_problems
from app.kit.shell import LastResort, OnlyHost
from app.messages.endpoints import build_messages, dispatches_route
from app.messages.hand_over import Messages
from app.orders.endpoints import build_orders
from app.pages import build_pages, with_problem_pages
from app.services import AppServices
from app.signin.flow import CodeFlow
from app.signin.issuer import HttpIssuer, Issuer
from app.signin.sealing import Sealer, read_secret
from app.signin.service import SignIn
from app.signin.sessions import StaffSessions
from app.signin.tokens import TokenReader
from app.telemetry.endpoints import PATH as METRICS
from app.telemetry.endpoints import metrics_route
from pii_vault.client import RelayClient, RelayPort, client_tls

ISSUER_SECONDS: Final = 3.0


def build_services(
    settings: AppSettings,
    *,
    issuer: Issuer | None = None,
    relay: RelayPort | None = None,
    db: Database | None = None,
    clock: Clock = utc_now,
) -> AppServices:
    """Everything the routers need. Raises OSError or ValueError when a secret or certificate cannot be read."""
    database = db or Database(make_engine(database_address(settings.database_url)))
    source = issuer or _http_issuer(settings)
    secret = read_secret(settings.cookie_secret_file)
    reader = TokenReader(source, client_id=settings.oidc_client_id, clock=clock)
    code_flow = CodeFlow(
        source,
        client_id=settings.oidc_client_id,
        redirect_uri=f"{settings.crm_origin}/signin/callback",
        sealer=Sealer(secret, use="signin-flow"),
        clock=clock,
    )
    staff_sessions = StaffSessions(
        database, issuer=source, reader=reader, sealer=Sealer(secret, use="staff-session"), clock=clock
    )
    signin = SignIn(
        issuer=source,
        client_id=settings.oidc_client_id,
        reader=reader,
        code_flow=code_flow,
        staff_sessions=staff_sessions,
    )
    return AppServices(settings=settings, db=database, signin=signin, relay=relay or open_relay(settings), clock=clock)


def open_relay(settings: AppSettings) -> RelayClient:
    """The vault's relay under the CRM's own certificate. Raises OSError when a certificate cannot be read."""
    return RelayClient(settings.vault_service_url, host=_vault_host(settings), tls=_client_tls(settings))


def _http_issuer(settings: AppSettings) -> HttpIssuer:
    client = httpx.AsyncClient(
        base_url=settings.vault_service_url,
        verify=_client_tls(settings),
        trust_env=False,
        timeout=httpx.Timeout(ISSUER_SECONDS, connect=1.0),
        headers={"host": _vault_host(settings)},
    )
    return HttpIssuer(client, origin=settings.vault_origin, client_id=settings.oidc_client_id)


def _client_tls(settings: AppSettings) -> ssl.SSLContext:
    return client_tls(certificate=settings.client_cert, key=settings.client_key, authority=settings.private_ca)


def _vault_host(settings: AppSettings) -> str:
    """The service listener is reached by an address; the vault's name travels as Host."""
    return settings.vault_origin.partition("://")[2]


def build_browser(services: AppServices) -> ASGIApp:
    """The browser listener: headers outside, then errors as pages, the guard, the host, and the API and pages."""
    app = FastAPI(
        title="Larets CRM",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        redirect_slashes=False,  # such a redirect names the host that the request claimed
    )
    install_problems(app)
    app.include_router(build_health(services.db))
    api = APIRouter(prefix="/api/v1")
    api.include_router(build_orders(services))
    api.include_router(build_contacts(services))
    api.include_router(build_messages(services))
    app.include_router(api)
    describe(app)
    for router in build_pages(services):
        app.include_router(router)
    settings = services.settings
    guarded = EdgeGuard(OnlyHost(app, host=settings.crm_origin.partition("://")[2]))
    shown = services.counters.around(with_problem_pages(LastResort(guarded), services), listener="browser")
    return SecurityHeaders(shown, crm_origin=settings.crm_origin, vault_origin=settings.vault_origin)


def build_intake(services: AppServices, *, witness: APIRouter) -> ASGIApp:
    """The intake listener: events and checkpoints of the private contour; metrics for this one's watcher."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    install_problems(app)
    app.router.routes.append(intake_route(Intake(services.db, clock=services.clock)))
    app.router.routes.append(erasures_route(Erasures(services.db, clock=services.clock)))
    app.router.routes.append(metrics_route(services.db, services.counters))
    app.router.routes.append(dispatches_route(Messages(services.db, services.relay, clock=services.clock)))
    app.include_router(witness)
    counted = services.counters.around(LastResort(app), listener="intake")
    return OnlyOutbox(counted, name=services.settings.outbox_name, own=METRICS)
