"""What the law says of an order's persons: which requisites are kept, and that an erased buyer does not come back."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pii_vault.gateway import deposit
from pii_vault.keys.service import WrappedKey
from pii_vault.operations.ciphers import key_context
from pii_vault.rights.erase import Eraser
from pii_vault.rights.erasure import Erasure
from pii_vault.rights.journal import open_journal
from pii_vault.vault import Vault
from tests.integration.pii_vault.gateway.conftest import ConnectedShop
from tests.support import woocommerce
from tests.support.postgres import Database
from tests.support.vault import rows, staff

OTHER, STATUTORY = 0, 1
LATER = datetime.now(UTC) + timedelta(hours=1)


def groups(database: Database) -> dict[str, set[int]]:
    """Class → retention groups of what is stored."""
    found: dict[str, set[int]] = {}
    classes = {1: "name", 2: "phone", 3: "email", 4: "address", 10: "text"}
    for key, group in rows(database, "SELECT DISTINCT class_key, retention FROM pii_value WHERE ciphertext <> ''"):
        found.setdefault(classes[int(str(key))], set()).add(int(str(group)))
    return found


def newest_event(database: Database) -> dict[str, Any]:
    [(body,)] = rows(database, "SELECT body FROM gateway_outbox WHERE object = 'order' ORDER BY sequence DESC LIMIT 1")
    event: dict[str, Any] = json.loads(bytes(body))  # type: ignore[call-overload]
    return event


async def erase(vault: Vault, folder: Path, subject: bytes) -> Erasure:
    eraser = Eraser(vault, await open_journal(folder / "erasures.journal", vault.keys))
    erasure = await eraser.request(staff("officer"), subject, reason="subject_request", request_id="r")
    return await eraser.advance(erasure)


def buyer_of(database: Database) -> bytes:
    [(subject,)] = rows(database, "SELECT contact FROM gateway_object")
    return subject.bytes  # type: ignore[attr-defined,no-any-return]


async def test_the_buyers_requisites_are_statutory_and_the_rest_is_not(
    shop: ConnectedShop, vault_database: Database
) -> None:
    await shop.send("order.created", woocommerce.order(101, buyer=woocommerce.buyer(1), note="Позвоните"))
    assert groups(vault_database) == {
        "name": {STATUTORY},
        "address": {STATUTORY},
        "phone": {OTHER},
        "email": {OTHER},
        "text": {OTHER},
    }
    keys = rows(vault_database, "SELECT subject, retention FROM dek ORDER BY retention")
    assert [group for _, group in keys] == [OTHER, STATUTORY]
    assert len({subject for subject, _ in keys}) == 1


async def test_a_second_order_of_the_same_buyer_adds_nothing(shop: ConnectedShop, vault_database: Database) -> None:
    buyer = woocommerce.buyer(1)
    await shop.send("order.created", woocommerce.order(101, buyer=buyer))
    before = rows(vault_database, "SELECT count(*) FROM pii_value WHERE class_key <> 10")
    await shop.send("order.created", woocommerce.order(102, buyer=buyer))
    assert rows(vault_database, "SELECT count(*) FROM pii_value WHERE class_key <> 10") == before
    assert rows(vault_database, "SELECT count(*) FROM subject") == [(1,)]


async def test_a_person_without_a_key_of_the_group_gets_one(
    vault: Vault, shop: ConnectedShop, vault_database: Database
) -> None:
    """As of one taken in before the groups were told apart, or known as a recipient only."""
    buyer = woocommerce.buyer(1)
    await shop.send("order.created", woocommerce.order(101, buyer=buyer))
    rows(vault_database, "DELETE FROM pii_value WHERE retention = 1")
    rows(vault_database, "DELETE FROM dek WHERE retention = 1")
    vault.deks.clear()
    assert await shop.send("order.created", woocommerce.order(102, buyer=buyer)) == "accepted"
    assert groups(vault_database)["name"] == {STATUTORY}
    assert rows(vault_database, "SELECT count(*) FROM subject") == [(1,)]
    [(subject, version, wrapped)] = rows(
        vault_database, "SELECT subject, kek_version, wrapped FROM dek WHERE retention = 1"
    )
    context = key_context(subject.bytes, STATUTORY)  # type: ignore[attr-defined]
    key = WrappedKey(int(str(version)), bytes(wrapped))  # type: ignore[call-overload]
    assert len(await vault.keys.unwrap("demo", [(context, key)])) == 1


async def test_an_erased_buyer_does_not_come_back_with_the_shops_next_update(
    vault: Vault, shop: ConnectedShop, vault_database: Database, tmp_path: Path
) -> None:
    buyer = woocommerce.buyer(1)
    await shop.send("order.created", woocommerce.order(101, buyer=buyer, note="Позвоните"))
    subject = buyer_of(vault_database)
    done = await erase(vault, tmp_path, subject)
    assert done.counts.keys() == {"phone", "email", "text"}
    assert done.kept.keys() == {"name", "address"}
    later = woocommerce.order(101, buyer=buyer, note="Позвоните", status="completed", modified=LATER)
    assert await shop.send("order.updated", later) == "accepted"
    event = newest_event(vault_database)["data"]
    assert event["status"] == "completed"
    assert event["contact"]["tokens"] == {}
    assert (event["note_token"], event["rest_token"]) == (None, None)
    assert buyer_of(vault_database) == subject
    assert groups(vault_database) == {"name": {STATUTORY}, "address": {STATUTORY}}
    assert rows(vault_database, "SELECT contact_digest, note_digest, rest_digest FROM gateway_object") == [
        (None, None, None)
    ]


async def test_a_new_order_of_an_erased_buyer_is_a_new_person(
    vault: Vault, shop: ConnectedShop, vault_database: Database, tmp_path: Path
) -> None:
    buyer = woocommerce.buyer(1)
    await shop.send("order.created", woocommerce.order(101, buyer=buyer))
    subject = buyer_of(vault_database)
    await erase(vault, tmp_path, subject)
    await shop.send("order.created", woocommerce.order(102, buyer=buyer))
    owners = rows(vault_database, "SELECT DISTINCT subject FROM pii_value WHERE class_key = 2 AND ciphertext <> ''")
    assert len(owners) == 1
    assert owners[0][0].bytes != subject  # type: ignore[attr-defined]


async def test_a_block_that_lands_while_a_delivery_is_under_way_is_seen(
    shop: ConnectedShop, vault_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer = woocommerce.buyer(1)
    await shop.send("order.created", woocommerce.order(101, buyer=buyer))
    subject = buyer_of(vault_database)
    texts = "SELECT count(*) FROM pii_value WHERE subject = %s::uuid AND class_key = 10"
    before = rows(vault_database, texts, subject.hex())
    settle = deposit.Depositor._settle
    blocked = False

    def late(self: Any, *arguments: Any) -> Any:
        """The person is blocked after they were matched and before anything is written."""
        nonlocal blocked
        found = settle(self, *arguments)
        if not blocked:
            blocked = True
            rows(vault_database, "UPDATE subject SET state = 'b'")
        return found

    monkeypatch.setattr(deposit.Depositor, "_settle", late)
    changed = woocommerce.order(102, buyer=woocommerce.buyer(1), note="Позвоните")
    assert await shop.send("order.created", changed) == "accepted"
    assert blocked
    assert rows(vault_database, "SELECT count(*) FROM subject") == [(2,)]
    assert rows(vault_database, texts, subject.hex()) == before
