"""The inbound address over HTTP."""

from collections.abc import AsyncIterator
from typing import cast

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from pii_vault.classify.process import NoClassifier
from pii_vault.errors import VaultError
from pii_vault.gateway.connections import connect
from pii_vault.gateway.endpoints import build_gateway
from pii_vault.gateway.registry import CONNECTORS
from pii_vault.services import Services
from pii_vault.vault import Vault
from scripts.local.shop import Shop
from tests.support import woocommerce
from tests.support.postgres import Database
from tests.support.vault import rows


class OnlyVault:
    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self.classifier = NoClassifier()


async def problem(_: Request, error: Exception) -> Response:
    return Response(status_code=cast("VaultError", error).status_code)


@pytest.fixture
async def client(vault: Vault) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(build_gateway(cast("Services", OnlyVault(vault))))
    app.add_exception_handler(VaultError, problem)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hooks.test") as opened:
        yield opened


@pytest.fixture
async def shop(vault: Vault, vault_database: Database) -> Shop:
    made = await connect(vault_database.owner_url, vault.keys, CONNECTORS["woocommerce"], tenant="demo")
    return Shop(f"http://hooks.test{made.path}", made.secret)


ORDER = woocommerce.order(1, buyer=woocommerce.buyer(1))


async def test_genuine_deliveries_get_exactly_200(client: httpx.AsyncClient, shop: Shop) -> None:
    for _ in range(2):
        answer = await shop.send_async("order.created", ORDER, client=client)
        assert (answer.status_code, answer.content) == (200, b"")


async def test_the_ping_gets_exactly_200(client: httpx.AsyncClient, shop: Shop) -> None:
    assert (await client.post(shop.url, data={"webhook_id": "12"})).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/in/woocommerce/demo/con_0", 401),
        ("/in/woocommerce/other/{id}", 401),
        ("/in/nosuch/demo/{id}", 401),
        ("/in/woocommerce/demo", 404),
    ],
)
async def test_addresses_that_are_none(client: httpx.AsyncClient, shop: Shop, path: str, status: int) -> None:
    url = path.replace("{id}", shop.url.rpartition("/")[2])
    moved = Shop(f"http://hooks.test{url}", shop.secret)
    assert (await moved.send_async("order.created", ORDER, client=client)).status_code == status


async def test_a_wrong_signature_is_401(client: httpx.AsyncClient, shop: Shop) -> None:
    forged = shop.with_secret("guess")
    assert (await forged.send_async("order.created", ORDER, client=client)).status_code == 401
    assert (await client.post(shop.url, content=b"{}")).status_code == 401


async def test_a_signed_body_that_was_changed_is_401(client: httpx.AsyncClient, shop: Shop) -> None:
    body = woocommerce.encode(ORDER)
    headers = shop.headers("order.created", body)
    changed = body.replace(b'"total":"', b'"total":"1')
    assert (await client.post(shop.url, content=changed, headers=headers)).status_code == 401


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'{"id":"x"}', b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"])
async def test_broken_bodies_are_400_though_signed(client: httpx.AsyncClient, shop: Shop, body: bytes) -> None:
    headers = shop.headers("order.created", body)
    assert (await client.post(shop.url, content=body, headers=headers)).status_code == 400


async def test_a_body_over_a_mebibyte_is_413(client: httpx.AsyncClient, shop: Shop) -> None:
    body = b"x" * (1024 * 1024 + 1)
    headers = shop.headers("order.created", body)
    assert (await client.post(shop.url, content=body, headers=headers)).status_code == 413


async def test_without_the_database_it_is_503_and_comes_back(
    client: httpx.AsyncClient, shop: Shop, vault_database: Database
) -> None:
    name = vault_database.name
    close = f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
    admin = Database(
        name,
        vault_database.owner_url,
        vault_database.runtime_url,
        vault_database.superuser_url.replace(name, "postgres"),
    )
    rows(admin, close)
    rows(admin, kill, name)
    assert (await shop.send_async("order.created", ORDER, client=client)).status_code == 503
    rows(admin, close.replace("false", "true"))
    assert (await shop.send_async("order.created", ORDER, client=client)).status_code == 200


async def test_refusals_counted_so_far_are_recorded_when_the_process_stops(
    vault: Vault, shop: Shop, vault_database: Database
) -> None:
    app = FastAPI()
    app.include_router(build_gateway(cast("Services", OnlyVault(vault))))
    app.add_exception_handler(VaultError, problem)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://hooks.test") as client:
            await shop.with_secret("guess").send_async("order.created", ORDER, client=client)
        assert rows(vault_database, "SELECT count(*) FROM audit_detail") == [(0,)]
    assert rows(vault_database, "SELECT decision FROM audit_detail") == [("wrong_signature",)]
