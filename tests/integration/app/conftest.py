"""The applications over a real database, with an issuer that the test holds in its hand."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from app.compose import build_browser, build_services
from app.config import AppSettings, database_address
from app.intake.schemas import Taken
from app.intake.service import Intake
from app.kit.db import Database, make_engine
from app.services import AppServices
from tests.integration.app.support import CRM, VAULT, Call, Clock, FakeIssuer, FakeRelay, Take, order_event, staff
from tests.support.postgres import Database as Clone


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer() -> FakeIssuer:
    return FakeIssuer()


@pytest.fixture
def relay() -> FakeRelay:
    return FakeRelay()


@pytest.fixture
async def db(app_database: Clone) -> AsyncIterator[Database]:
    opened = Database(make_engine(database_address(app_database.runtime_url), pool_size=4))
    yield opened
    await opened.close()


@pytest.fixture
def settings(tmp_path: Path, app_database: Clone) -> AppSettings:
    secret = tmp_path / "cookie.secret"
    secret.write_text("s" * 43)
    nowhere = tmp_path / "none"
    return AppSettings(
        environment="test",
        database_url=app_database.runtime_url,
        crm_origin=CRM,
        vault_origin=VAULT,
        console_origin="https://console.larets.localhost",
        intake_cert=nowhere,
        intake_key=nowhere,
        private_ca=nowhere,
        vault_service_url="https://127.0.0.1:1",
        public_ca=nowhere,
        client_cert=nowhere,
        client_key=nowhere,
        cookie_secret_file=secret,
        witness_key_file=nowhere,
        checkpoint_public_key="none",
    )


@pytest.fixture
def services(settings: AppSettings, db: Database, issuer: FakeIssuer, relay: FakeRelay, clock: Clock) -> AppServices:
    return build_services(settings, issuer=issuer, relay=relay, db=db, clock=clock)


@pytest.fixture
async def browser(services: AppServices) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the browser listener that brings no session."""
    transport = httpx.ASGITransport(build_browser(services))
    async with httpx.AsyncClient(transport=transport, base_url=CRM) as client:
        yield client


@pytest.fixture
def intake(db: Database, clock: Clock) -> Intake:
    return Intake(db, clock=clock)


@pytest.fixture
def take(intake: Intake) -> Take:
    """Sends an event, made or given, into the intake."""

    async def send(event: dict[str, Any] | None = None, **changes: Any) -> Taken:
        return await intake.take(msgspec.json.encode(event or order_event(**changes)))

    return send


@pytest.fixture
def call(browser: httpx.AsyncClient, issuer: FakeIssuer) -> Call:
    """Calls the API as a role of a tenant, by bearer token."""

    async def send(
        method: str, path: str, *, role: str | None = "sales", tenant: str = "demo", **rest: Any
    ) -> httpx.Response:
        headers = dict(rest.pop("headers", {}))
        if role is not None:
            headers["authorization"] = f"Bearer {issuer.access(staff(role, tenant=tenant))}"
        return await browser.request(method, f"/api/v1{path}", headers=headers, **rest)

    return send
