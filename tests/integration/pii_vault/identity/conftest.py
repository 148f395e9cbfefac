"""The issuer on a real database: three hosts as ASGI applications, a browser and the CRM's certificate."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from pii_vault.config import VaultSettings
from pii_vault.identity.context import open_sessions
from pii_vault.identity.endpoints import build_console_signin, build_identity, build_identity_service
from pii_vault.identity.sessions import build_staff_sessions
from pii_vault.services import Services
from pii_vault.vault import Vault
from pii_vault.web import BrowserGuard
from tests.integration.pii_vault.identity.stage import CONSOLE, CRM, VAULT, Clock, Stage, WithPeer
from tests.support.postgres import Database


def settings_for(database: Database) -> VaultSettings:
    return VaultSettings.model_validate(
        {
            "environment": "test",
            "database_url": database.runtime_url,
            "vault_origin": VAULT,
            "console_origin": CONSOLE,
            "hooks_origin": "https://hooks.larets.localhost",
            "crm_origin": CRM,
            "app_intake_url": "https://127.0.0.1:1",
        }
        | dict.fromkeys(
            (
                "service_cert",
                "service_key",
                "private_ca",
                "public_ca",
                "keyring_path",
                "keyring_passphrase_file",
                "outbound_cert",
                "outbound_key",
            ),
            "unused",
        )
    )


@pytest.fixture
async def stage(vault: Vault, vault_database: Database) -> AsyncIterator[Stage]:
    clock = Clock()
    vault.clock = clock
    sessions = open_sessions(vault_database.runtime_url, size=4)
    settings = settings_for(vault_database)
    staff_sessions = build_staff_sessions(settings, vault, sessions)
    services = Services(settings, vault, sessions, staff_sessions)
    browser, service, console = FastAPI(), FastAPI(), FastAPI()
    browser.include_router(build_identity(services))
    service.include_router(build_identity_service(services))
    console.include_router(build_console_signin(services))
    peer = WithPeer(service)
    transports = {
        VAULT: httpx.ASGITransport(BrowserGuard(browser, origin=VAULT)),
        CONSOLE: httpx.ASGITransport(BrowserGuard(console, origin=CONSOLE)),
    }
    issuer = await staff_sessions.identity.open()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(peer), base_url=VAULT) as program:
        yield Stage(services, issuer, clock, transports, program, peer, vault_database)
    sessions.kw["bind"].dispose()
