"""Imported words are used by the next delivery."""

import json

import pytest

from pii_vault.gateway.connections import connect, find
from pii_vault.gateway.dictionary import import_entries, parse_dictionary
from pii_vault.gateway.errors import UnknownConnection, UnknownTenant
from pii_vault.gateway.registry import CONNECTORS
from pii_vault.vault import Vault
from tests.integration.pii_vault.gateway.conftest import ConnectedShop
from tests.support import woocommerce
from tests.support.postgres import Database
from tests.support.vault import rows


async def test_imported_words_pass(vault: Vault, shop: ConnectedShop, vault_database: Database) -> None:
    key = await find(vault.pool, tenant="demo")
    text = "kind,code,title\nstatus,packed,Собран\npayment,sbp,СБП\ngoods,501,Кружка\n"
    await import_entries(vault.pool, connection_key=key, entries=parse_dictionary(text))
    order = woocommerce.order(1, buyer=woocommerce.buyer(1), status="packed")
    await shop.send("order.created", order | {"payment_method": "sbp"})
    [(body,)] = rows(vault_database, "SELECT body FROM gateway_outbox")
    data = json.loads(bytes(body))["data"]  # type: ignore[call-overload]
    assert data["status"] == "packed"
    assert data["payment_method"] == {"code": "sbp", "title": "СБП"}


async def test_a_shop_names_its_connection_when_it_has_several(
    vault: Vault, shop: ConnectedShop, vault_database: Database
) -> None:
    with pytest.raises(UnknownConnection):
        await find(vault.pool, tenant="other")
    await connect(vault_database.owner_url, vault.keys, CONNECTORS["woocommerce"], tenant="demo")
    with pytest.raises(UnknownConnection, match="several"):
        await find(vault.pool, tenant="demo")
    assert await find(vault.pool, tenant="demo", connection=shop.connection.id)
    with pytest.raises(UnknownConnection):
        await find(vault.pool, tenant="other", connection=shop.connection.id)


async def test_only_a_known_shop_is_connected(vault: Vault, vault_database: Database) -> None:
    with pytest.raises(UnknownTenant):
        await connect(vault_database.owner_url, vault.keys, CONNECTORS["woocommerce"], tenant="nobody")
