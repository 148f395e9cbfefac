"""The composition root: what belongs to a process's beginning and end, and the answer to the unforeseen."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter, Request

from pii_vault import hosts
from pii_vault.config import VaultSettings
from pii_vault.identity.forms import address_of
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


@pytest.mark.parametrize(("edge", "seen_as"), [("10.1.0.0/16", "198.51.100.7"), ("", "10.1.2.3")])
async def test_every_host_of_the_browser_listener_knows_the_peer_behind_its_edge(
    vault_database: Database, monkeypatch: pytest.MonkeyPatch, edge: str, seen_as: str
) -> None:
    router = APIRouter()

    @router.get("/peer")
    def peer(request: Request) -> str:
        return address_of(request) or ""

    monkeypatch.setattr(hosts, "build_gateway", lambda _services: router)
    monkeypatch.setattr(hosts, "build_identity", lambda _services: router)
    behind = VaultSettings.model_validate(settings(vault_database).model_dump() | {"trusted_edge": edge})
    async with hosts.applications(behind, MemoryKeyService(), None) as (browser, _):
        transport = httpx.ASGITransport(browser, client=("10.1.2.3", 4711))
        headers = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}
        for origin in (HOOKS, behind.vault_origin):
            async with httpx.AsyncClient(transport=transport, base_url=origin, headers=headers) as client:
                assert (await client.get("/peer")).json() == seen_as
