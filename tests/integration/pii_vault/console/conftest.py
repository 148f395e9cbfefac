"""The console over a real vault, with two members of staff known by alias."""

from collections.abc import AsyncIterator
from functools import cached_property
from types import SimpleNamespace

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp

from pii_vault import problems
from pii_vault.audit.note import witness_key
from pii_vault.console.endpoints import build_console
from pii_vault.keys.memory import MemoryKeyService
from pii_vault.relay.destinations import add_destination
from pii_vault.relay.outside import Destination
from pii_vault.vault import Vault
from pii_vault.web import BrowserGuard, build_site
from tests.integration.pii_vault.widgets.stage import SESSION, FakeSessions, Stage
from tests.support.postgres import Database

CONSOLE = "http://console.larets.localhost:8200"
OWN = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate", "origin": CONSOLE}
COOKIE = {"cookie": f"__Host-larets_console={SESSION}"}
SECRET = "destination-secret-1"
STAFF = (("sales", "Продавец Север"), ("officer", "Контроль"), ("marketer", "Реклама"), ("warehouse", "Склад"))


class ConsoleStage(Stage):
    """The console's host instead of the frames'."""

    database_url: str = ""

    @cached_property
    def settings(self) -> SimpleNamespace:
        return SimpleNamespace(
            crm_origin=self.crm_origin,
            vault_origin="http://vault.larets.localhost:8200",
            database_url=self.database_url,
            witness_public_key=str(witness_key("witness.test", bytes(range(32)))),
        )

    def console_app(self, origin: str) -> ASGIApp:
        app = FastAPI()
        app.include_router(build_console(self.services))
        app.include_router(build_site())
        problems.install(app)
        return BrowserGuard(app, origin=origin)


def add_staff(database: Database) -> None:
    """Real ids of staff are random; these are spelled after the roles that `support.vault.staff` uses."""
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE staff DROP CONSTRAINT staff_id_check")
        for role, alias in STAFF:
            connection.execute(
                """INSERT INTO staff
                (id, tenant_key, alias, role, state, login_digest, login_sealed, created_at, changed_at)
                SELECT %s, key, %s, %s, 'active', %s, '', now(), now() FROM tenant WHERE id = 'demo'""",
                (f"stf_{role}", alias, role, role.encode()),
            )


@pytest.fixture
async def stage(vault: Vault, vault_database: Database) -> ConsoleStage:
    add_staff(vault_database)
    stage = ConsoleStage(vault, FakeSessions(role="officer"))
    stage.database_url = vault_database.runtime_url
    return stage


@pytest.fixture
async def client(stage: ConsoleStage) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(stage.console_app(CONSOLE))
    async with httpx.AsyncClient(transport=transport, base_url=CONSOLE, headers=OWN | COOKIE) as opened:
        yield opened


@pytest.fixture
async def shop(stage: ConsoleStage, keys: MemoryKeyService, vault_database: Database) -> ConsoleStage:
    """With two destinations, so that templates can be proposed."""
    for made in (
        Destination("mail", "smtp", "smtps://smtp.example.ru", "shop@example.ru", "shop", SECRET),
        Destination("web", "http", "https://partner.example.ru/api", "SHOP", secret=SECRET),
    ):
        await add_destination(vault_database.owner_url, keys, made, tenant="demo", local=True)
    return stage
