"""The composition root: what belongs to a process's beginning and end, and the answer to the unforeseen."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter

from pii_vault import hosts
from pii_vault.config import VaultSettings
from pii_vault.keys.memory import MemoryKeyService
from tests.support.postgres import Database
from tests.support.vault import POLICIES

VALUE = "+79161234567"
HOOKS = "http://hooks.larets.localhost:8200"


def settings(database: Database) -> VaultSettings:
    nothing = Path("nothing")
    return VaultSettings(
        environment="test",
        database_url=database.runtime_url,
        vault_origin="http://vault.larets.localhost:8200",
        console_origin="http://console.larets.localhost:8200",
        hooks_origin=HOOKS,
        crm_origin="http://crm.larets.localhost:8100",
        service_cert=nothing,
        service_key=nothing,
        private_ca=nothing,
        public_ca=nothing,
        keyring_path=nothing,
        keyring_passphrase_file=nothing,
        policies_dir=POLICIES,
        app_intake_url="https://127.0.0.1:8101",
        outbound_cert=nothing,
        outbound_key=nothing,
    )


async def test_the_gateway_ends_with_its_process_and_an_unforeseen_error_is_a_problem(
    vault_database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        seen.append("begun")
        yield
        seen.append("ended")

    router = APIRouter(lifespan=lifespan)

    @router.get("/breaks")
    def breaks() -> None:
        raise LookupError(VALUE)

    monkeypatch.setattr(hosts, "build_gateway", lambda _services: router)
    async with hosts.applications(settings(vault_database), MemoryKeyService(), None) as (browser, _):
        assert seen == ["begun"]
        transport = httpx.ASGITransport(browser)
        with caplog.at_level(logging.INFO):
            async with httpx.AsyncClient(transport=transport, base_url=HOOKS) as client:
                answer = await client.get("/breaks")
    assert seen == ["begun", "ended"]
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "LookupError" in caplog.text
    assert VALUE not in answer.text + caplog.text
