"""An order's note where the officer lets classified texts cross, and where not."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pii_vault.classify.process import Classifier
from pii_vault.classify.setting import switch
from pii_vault.core.mixed import is_mixed, pieces_of
from pii_vault.gateway.receive import Receiver
from pii_vault.gateway.registry import CONNECTORS
from pii_vault.operations.reveal import reveal
from pii_vault.operations.search import search
from pii_vault.vault import Vault
from tests.integration.pii_vault.gateway.conftest import ConnectedShop
from tests.support import woocommerce
from tests.support.classifiers import Away, Blind, Rules
from tests.support.postgres import Database
from tests.support.vault import program, rows, staff

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOTE = "Позвоните мужу, Ашот Мирзоян, 8 916 441 77 23, код 45К"


@pytest.fixture
async def on(vault: Vault) -> None:
    await switch(vault, staff("officer"), class_id="text", on=True, request_id="r")


def with_classifier(vault: Vault, shop: ConnectedShop, classifier: Classifier) -> ConnectedShop:
    return ConnectedShop(Receiver(vault, CONNECTORS, classifier), shop.connection)


def last(database: Database) -> dict[str, Any]:
    [(body,)] = rows(database, "SELECT body FROM gateway_outbox ORDER BY created DESC, sequence DESC LIMIT 1")
    return json.loads(bytes(body))["data"]  # type: ignore[call-overload, no-any-return]


async def test_by_default_nobody_looks_into_a_note_and_it_stays_whole(
    vault: Vault, shop: ConnectedShop, vault_database: Database
) -> None:
    rules = Rules()
    shop = with_classifier(vault, shop, rules)
    await shop.send("order.created", woocommerce.order(101, buyer=woocommerce.buyer(1), note=NOTE))
    data = last(vault_database)
    assert data["note_token"].startswith("tok_text_")
    assert "note_mixed" not in data
    assert rules.asked == 0


@pytest.mark.usefixtures("on")
async def test_where_it_is_on_the_note_leaves_with_tokens_in_place(
    vault: Vault, shop: ConnectedShop, vault_database: Database
) -> None:
    shop = with_classifier(vault, shop, Rules())
    await shop.send("order.created", woocommerce.order(101, buyer=woocommerce.buyer(1), note=NOTE))
    data = last(vault_database)
    mixed = data["note_mixed"]
    assert is_mixed(mixed)
    assert mixed.startswith("Позвоните мужу, tok_name_")
    assert mixed.endswith(", код 45К")
    tokens = [piece.text for piece in pieces_of(mixed) if piece.class_id]
    shown = await reveal(vault, program(), purpose="support", tokens=[data["note_token"], *tokens], request_id="r")
    assert [each.value for each in shown] == [NOTE, "Ашот Мирзоян", "8 916 441 77 23"]
    owners = "SELECT count(DISTINCT subject) FROM pii_value WHERE class_key IN (1, 2, 10)"
    assert rows(vault_database, owners) == [(1,)]
    # Neither the object's memory nor anything else of the private database holds a word of the note.
    dump = str(rows(vault_database, "SELECT * FROM gateway_object"))
    assert "Позвоните" not in dump
    assert "Ашот" not in dump


@pytest.mark.usefixtures("on")
async def test_whom_a_note_mentions_is_not_taken_for_the_buyer(
    vault: Vault, shop: ConnectedShop, vault_database: Database
) -> None:
    shop = with_classifier(vault, shop, Rules())
    husband = woocommerce.buyer(2)
    note = f"позвоните мужу, {husband.phone}, {husband.email}"
    await shop.send("order.created", woocommerce.order(101, buyer=woocommerce.buyer(1), note=note))
    wife = last(vault_database)
    assert "tok_phone_" in wife["note_mixed"]
    await shop.send("order.created", woocommerce.order(102, buyer=husband))
    assert last(vault_database)["contact"]["subject"] != wife["contact"]["subject"]
    found = await search(vault, program(), purpose="support", class_id="phone", value=husband.phone, request_id="r")
    assert [each.subject for each in found] == [last(vault_database)["contact"]["subject"]]


@pytest.mark.usefixtures("on")
async def test_an_unchanged_note_keeps_its_tokens_also_when_the_classifier_is_away(
    vault: Vault, shop: ConnectedShop, vault_database: Database
) -> None:
    buyer = woocommerce.buyer(3)
    await with_classifier(vault, shop, Rules()).send(
        "order.created", woocommerce.order(101, buyer=buyer, note=NOTE, created=NOON)
    )
    before = last(vault_database)
    later = woocommerce.order(
        101, buyer=buyer, note=NOTE, status="completed", created=NOON, modified=NOON + timedelta(hours=1)
    )
    await with_classifier(vault, shop, Away()).send("order.updated", later)
    after = last(vault_database)
    assert after["status"] == "completed"
    assert (after["note_token"], after["note_mixed"]) == (before["note_token"], before["note_mixed"])
    changed = woocommerce.order(
        101, buyer=buyer, note="другое: Ашот Мирзоян", created=NOON, modified=NOON + timedelta(hours=2)
    )
    await with_classifier(vault, shop, Rules()).send("order.updated", changed)
    assert last(vault_database)["note_mixed"].startswith("другое: tok_name_")


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize("classifier", [Away(), Blind()])
async def test_what_goes_wrong_leaves_the_note_whole_and_the_order_taken(
    vault: Vault, shop: ConnectedShop, vault_database: Database, classifier: Classifier
) -> None:
    shop = with_classifier(vault, shop, classifier)
    order = woocommerce.order(101, buyer=woocommerce.buyer(4), note=NOTE)
    assert await shop.send("order.created", order) == "accepted"
    data = last(vault_database)
    assert data["note_token"].startswith("tok_text_")
    assert "note_mixed" not in data


@pytest.mark.usefixtures("on")
async def test_after_the_switch_is_off_the_next_change_takes_the_words_back(
    vault: Vault, shop: ConnectedShop, vault_database: Database
) -> None:
    shop, buyer = with_classifier(vault, shop, Rules()), woocommerce.buyer(5)
    await shop.send("order.created", woocommerce.order(101, buyer=buyer, note=NOTE, created=NOON))
    assert "note_mixed" in last(vault_database)
    await switch(vault, staff("officer"), class_id="text", on=False, request_id="r")
    later = woocommerce.order(101, buyer=buyer, note=NOTE, created=NOON, modified=NOON + timedelta(hours=1))
    await shop.send("order.updated", later)
    assert "note_mixed" not in last(vault_database)


@pytest.mark.usefixtures("on")
async def test_places_of_another_note_are_never_used(
    vault: Vault, shop: ConnectedShop, vault_database: Database
) -> None:
    """An older version of the vault, still running during an upgrade, writes a note and leaves the column as it was."""
    shop, buyer = with_classifier(vault, shop, Rules()), woocommerce.buyer(6)
    await shop.send("order.created", woocommerce.order(101, buyer=buyer, note=NOTE, created=NOON))
    rows(vault_database, "UPDATE gateway_object SET note_inner[1] = 'tok_text_of_another_note'")
    later = woocommerce.order(101, buyer=buyer, note=NOTE, created=NOON, modified=NOON + timedelta(hours=1))
    await with_classifier(vault, shop, Away()).send("order.updated", later)
    assert "note_mixed" not in last(vault_database)


@pytest.mark.usefixtures("on")
async def test_a_mentioned_address_is_not_taken_for_the_buyers_own(
    vault: Vault, shop: ConnectedShop, vault_database: Database
) -> None:
    shop, buyer = with_classifier(vault, shop, Rules()), woocommerce.buyer(7)
    address = "г. Тверь, ул. Лесная, д. 5, кв. 7"
    first = woocommerce.order(101, buyer=buyer, note=f"Везите к маме: {address}", created=NOON)
    await shop.send("order.created", first)
    mixed = last(vault_database)["note_mixed"]
    [mentioned] = [piece.text for piece in pieces_of(mixed) if piece.class_id == "address"]
    moved = woocommerce.order(102, buyer=buyer, created=NOON)
    moved["billing"] |= {"postcode": "", "state": "", "city": "", "address_1": address, "address_2": ""}
    await shop.send("order.created", moved)
    own = last(vault_database)["contact"]["tokens"]["address"]
    assert mentioned not in own
    shown = await reveal(vault, program(), purpose="support", tokens=[*own, mentioned], request_id="r")
    assert [each.value for each in shown].count(address) == 2  # the own and the mentioned
