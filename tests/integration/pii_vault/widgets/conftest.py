"""One browser for the module, a fresh vault and stage for each test."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, BrowserContext

from pii_vault.vault import Vault
from scripts.local.browser import launch
from tests.integration.pii_vault.widgets.stage import Stage, on_stage, signed_in


@pytest.fixture
async def stage(vault: Vault) -> AsyncIterator[Stage]:
    async with on_stage(vault) as opened:
        yield opened


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with launch() as started:
        yield started


@pytest.fixture
async def context(browser: Browser) -> BrowserContext:
    return await signed_in(browser)
