"""Signed-in readers of the pages, without a browser and with one."""

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from playwright.async_api import Browser

from app.config import AppSettings
from app.kit.db import Database
from app.services import AppServices
from pii_vault.assemble import open_vault
from pii_vault.keys.memory import MemoryKeyService
from pii_vault.vault import Vault
from scripts.local.browser import launch
from tests.integration.app.pages.stage import Stage, on_stage, sign_in
from tests.integration.app.support import Clock, FakeIssuer
from tests.support.postgres import Database as Clone
from tests.support.vault import POLICIES, prepare

DOCUMENT = {"accept": "text/html", "sec-fetch-site": "none", "sec-fetch-mode": "navigate"}
FORM = {"accept": "text/html", "sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}
PART = {"hx-request": "true", "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}
Reader = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def reader(browser: httpx.AsyncClient, issuer: FakeIssuer, services: AppServices) -> Reader:
    """Opens an address as a member of staff in a role, who signs in on first use."""
    del services
    signed_in: set[str] = set()

    async def send(method: str, path: str, *, role: str = "sales", **rest: object) -> httpx.Response:
        if role not in signed_in:
            await sign_in(browser, issuer, role)
            signed_in.clear()
            signed_in.add(role)
        headers = rest.pop("headers", DOCUMENT if method == "GET" else FORM)
        return await browser.request(method, path, headers=headers, **rest)  # type: ignore[arg-type]

    return send


@pytest.fixture
def read(reader: Reader) -> Reader:
    async def send(path: str, **rest: object) -> httpx.Response:
        return await reader("GET", path, **rest)

    return send


@pytest.fixture
async def vault(vault_database: Clone) -> AsyncIterator[Vault]:
    keys = MemoryKeyService()
    await prepare(vault_database, keys, tenants=("demo",))
    async with open_vault(vault_database.runtime_url, keys, POLICIES, pool_size=4) as opened:
        yield opened


@pytest.fixture
async def stage(settings: AppSettings, db: Database, vault: Vault, clock: Clock) -> AsyncIterator[Stage]:
    async with on_stage(settings, db, vault, clock) as opened:
        yield opened


@pytest.fixture
async def screen() -> AsyncIterator[Browser]:
    """A real browser; `browser` is the client without one."""
    async with launch() as started:
        yield started
