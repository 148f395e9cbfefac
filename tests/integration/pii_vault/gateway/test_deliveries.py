"""A delivery's way into the vault and the outbox, on real PostgreSQL."""

import asyncio
import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pii_vault.access.compile import compile_matrix
from pii_vault.errors import Forbidden, KeyServiceUnavailable, VaultError
from pii_vault.gateway.connections import connect
from pii_vault.gateway.errors import BrokenPayload, TenantSuspended, WrongSignature
from pii_vault.gateway.registry import CONNECTORS
from pii_vault.keys.memory import MemoryKeyService
from pii_vault.operations.parts import SearchPlans
from pii_vault.operations.plan import switch
from pii_vault.operations.reveal import reveal
from pii_vault.operations.search import search
from pii_vault.vault import Vault
from tests.integration.pii_vault.gateway.conftest import ConnectedShop, Forwarding
from tests.support import woocommerce
from tests.support.fake_intake import FakeIntake
from tests.support.postgres import Database
from tests.support.vault import POLICIES, program, rows

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def events(database: Database) -> list[dict[str, Any]]:
    bodies = rows(database, "SELECT body FROM gateway_outbox ORDER BY created, sequence")
    return [json.loads(bytes(body)) for (body,) in bodies]  # type: ignore[call-overload]


async def values(vault: Vault, *tokens: str) -> list[str | None]:
    results = await reveal(vault, program(), purpose="order_processing", tokens=tokens, request_id="r")
    return [result.value for result in results]


async def test_an_order_becomes_tokens_that_open_to_its_person(
    vault: Vault, shop: ConnectedShop, vault_database: Database
) -> None:
    buyer = woocommerce.buyer(1)
    assert await shop.send("order.created", woocommerce.order(101, buyer=buyer, note="Позвоните")) == "accepted"
    [event] = events(vault_database)
    data = event["data"]
    assert (event["type"], event["external_id"]) == ("order.upserted", "101")
    tokens = data["contact"]["tokens"]
    assert set(tokens) == {"name", "phone", "email", "address"}
    [name], [phone], [email], [address] = (tokens[key] for key in ("name", "phone", "email", "address"))
    opened = await values(vault, name, phone, email, address, data["note_token"])
    assert opened[:3] == [buyer.name, buyer.phone, buyer.email]
    assert buyer.address_1 in str(opened[3])
    assert opened[4] == "Позвоните"
    [rest] = await values(vault, data["rest_token"])
    assert "_reduced_stock" in str(rest)
    for planted in (buyer.last_name, buyer.phone[1:], buyer.email, buyer.address_1, "Позвоните"):
        assert planted not in json.dumps(event, ensure_ascii=False)


async def test_the_same_delivery_twice_is_one_order(shop: ConnectedShop, vault_database: Database) -> None:
    body = woocommerce.encode(woocommerce.order(102, buyer=woocommerce.buyer(2)))
    assert await shop.send("order.created", body) == "accepted"
    assert await shop.send("order.created", body) == "duplicate"
    assert len(events(vault_database)) == 1


async def test_concurrent_duplicates_are_one_order(shop: ConnectedShop, vault_database: Database) -> None:
    body = woocommerce.encode(woocommerce.order(103, buyer=woocommerce.buyer(3)))
    answers = await asyncio.gather(*(shop.send("order.created", body) for _ in range(8)))
    assert sorted(answers) == ["accepted"] + ["duplicate"] * 7
    assert len(events(vault_database)) == 1


async def test_concurrent_orders_of_one_new_person_open_one_subject(
    shop: ConnectedShop, vault_database: Database
) -> None:
    buyer = woocommerce.buyer(4)
    sent = [shop.send("order.created", woocommerce.order(200 + n, buyer=buyer)) for n in range(6)]
    assert await asyncio.gather(*sent) == ["accepted"] * 6
    assert rows(vault_database, "SELECT count(*) FROM subject") == [(1,)]
    contacts = [event["data"]["contact"] for event in events(vault_database)]
    assert all(contact == contacts[0] for contact in contacts)


async def test_an_update_keeps_tokens_of_what_did_not_change(shop: ConnectedShop, vault_database: Database) -> None:
    buyer = woocommerce.buyer(5)
    first = woocommerce.order(104, buyer=buyer, modified=NOON, created=NOON)
    later = NOON + timedelta(minutes=5)
    second = woocommerce.order(104, buyer=buyer, status="completed", modified=later, created=NOON)
    assert await shop.send("order.created", first) == "accepted"
    assert await shop.send("order.updated", second) == "accepted"
    before, after = (event["data"] for event in events(vault_database))
    assert (before["status"], after["status"]) == ("processing", "completed")
    for key in ("contact", "note_token", "rest_token"):
        assert before[key] == after[key]


async def test_a_changed_note_gets_a_new_token(vault: Vault, shop: ConnectedShop, vault_database: Database) -> None:
    buyer = woocommerce.buyer(6)
    await shop.send("order.created", woocommerce.order(105, buyer=buyer, note="до обеда", created=NOON))
    changed = woocommerce.order(105, buyer=buyer, note="после обеда", created=NOON, modified=NOON + timedelta(1))
    await shop.send("order.updated", changed)
    before, after = (event["data"] for event in events(vault_database))
    assert before["note_token"] != after["note_token"]
    assert await values(vault, after["note_token"]) == ["после обеда"]
    assert before["rest_token"] == after["rest_token"]


async def test_an_overtaken_update_is_not_applied(shop: ConnectedShop, vault_database: Database) -> None:
    buyer = woocommerce.buyer(7)
    new = woocommerce.order(106, buyer=buyer, status="completed", created=NOON, modified=NOON + timedelta(hours=1))
    old = woocommerce.order(106, buyer=buyer, status="processing", created=NOON)
    assert await shop.send("order.updated", new) == "accepted"
    assert await shop.send("order.created", old) == "stale"
    assert [event["data"]["status"] for event in events(vault_database)] == ["completed"]


async def test_deletion_and_restoring(shop: ConnectedShop, vault_database: Database) -> None:
    buyer = woocommerce.buyer(8)
    now = datetime.now(UTC)
    await shop.send("order.created", woocommerce.order(107, buyer=buyer, created=NOON))
    assert await shop.send("order.deleted", {"id": 107}) == "accepted"
    assert await shop.send("order.deleted", {"id": 107}) == "duplicate"
    late = woocommerce.order(107, buyer=buyer, status="on-hold", created=NOON, modified=NOON + timedelta(minutes=1))
    assert await shop.send("order.updated", late) == "stale"
    back = woocommerce.order(107, buyer=buyer, created=NOON, modified=now)
    assert await shop.send("order.restored", back) == "accepted"
    assert await shop.send("order.deleted", {"id": 107}) == "accepted"
    kinds = [event["type"] for event in events(vault_database)]
    assert kinds == ["order.upserted", "order.deleted", "order.upserted", "order.deleted"]
    sequences = [event["sequence"] for event in events(vault_database)]
    assert sequences == sorted(set(sequences))


async def test_a_deletion_that_overtook_the_creation_holds(shop: ConnectedShop, vault_database: Database) -> None:
    assert await shop.send("order.deleted", {"id": 108}) == "accepted"
    assert await shop.send("order.created", woocommerce.order(108, buyer=woocommerce.buyer(9), created=NOON)) == "stale"
    assert [event["type"] for event in events(vault_database)] == ["order.deleted"]


async def test_the_signed_body_of_an_update_does_not_pass_for_a_deletion(shop: ConnectedShop) -> None:
    order = woocommerce.order(109, buyer=woocommerce.buyer(10))
    with pytest.raises(BrokenPayload):
        await shop.send("order.deleted", order)


async def test_a_second_person_receives(vault: Vault, shop: ConnectedShop, vault_database: Database) -> None:
    buyer, recipient = woocommerce.buyer(11), woocommerce.buyer(12)
    await shop.send("order.created", woocommerce.order(110, buyer=buyer, recipient=recipient))
    [event] = events(vault_database)
    contact, received = event["data"]["contact"], event["data"]["recipient"]
    assert contact["subject"] != received["subject"]
    assert await values(vault, *received["tokens"]["name"], *received["tokens"]["phone"]) == [
        recipient.name,
        recipient.phone,
    ]


async def test_phone_and_email_of_two_people_open_a_third_with_hints(
    shop: ConnectedShop, vault_database: Database
) -> None:
    one, two = woocommerce.buyer(13), woocommerce.buyer(14)
    await shop.send("order.created", woocommerce.order(111, buyer=one))
    await shop.send("order.created", woocommerce.order(112, buyer=two))
    mixed = woocommerce.Buyer(
        one.first_name, one.last_name, one.phone, two.email, one.address_1, one.city, one.postcode, one.state
    )
    await shop.send("order.created", woocommerce.order(113, buyer=mixed))
    await shop.send("order.created", woocommerce.order(114, buyer=mixed))
    subjects = [event["data"]["contact"]["subject"] for event in events(vault_database)]
    assert len(set(subjects)) == 3
    assert subjects[2] == subjects[3]
    assert rows(vault_database, "SELECT count(*) FROM duplicate_hint") == [(2,)]


async def test_a_known_person_is_found_by_email_when_the_phone_is_new(
    shop: ConnectedShop, vault_database: Database
) -> None:
    one = woocommerce.buyer(15)
    await shop.send("order.created", woocommerce.order(115, buyer=one))
    moved = woocommerce.Buyer(
        one.first_name, one.last_name, "+79991112233", one.email, "ул. Новая, д. 1", one.city, one.postcode, one.state
    )
    await shop.send("order.created", woocommerce.order(116, buyer=moved))
    before, after = (event["data"]["contact"] for event in events(vault_database))
    assert before["subject"] == after["subject"]
    assert before["tokens"]["name"] == after["tokens"]["name"]
    assert before["tokens"]["phone"] != after["tokens"]["phone"]
    assert before["tokens"]["address"] != after["tokens"]["address"]


async def test_cold_keys_are_opened_outside_the_transaction(
    vault: Vault, shop: ConnectedShop, vault_database: Database
) -> None:
    buyer = woocommerce.buyer(16)
    await shop.send("order.created", woocommerce.order(117, buyer=buyer))
    vault.deks.clear()
    await shop.send("order.created", woocommerce.order(118, buyer=buyer))
    before, after = (event["data"]["contact"] for event in events(vault_database))
    assert before == after


async def test_an_order_without_a_person_has_no_contact_and_keeps_its_texts(
    shop: ConnectedShop, vault_database: Database
) -> None:
    order = woocommerce.order(119, buyer=woocommerce.buyer(17), created=NOON)
    for party in ("billing", "shipping"):
        order[party] = dict.fromkeys(order[party], "")
    await shop.send("order.created", order)
    await shop.send("order.updated", order | {"status": "completed", "date_modified_gmt": "2026-11-21T10:00:00"})
    before, after = (event["data"] for event in events(vault_database))
    assert before["contact"] is None
    assert before["rest_token"] == after["rest_token"]


@pytest.mark.parametrize("secret", ["wrong", ""])
async def test_a_wrong_signature_is_refused_and_leaves_nothing(
    shop: ConnectedShop, vault_database: Database, secret: str
) -> None:
    with pytest.raises(WrongSignature):
        await shop.send("order.created", woocommerce.order(120, buyer=woocommerce.buyer(18)), secret=secret or "x")
    assert events(vault_database) == []


async def test_an_unknown_connection_answers_like_a_wrong_signature(shop: ConnectedShop) -> None:
    order = woocommerce.order(121, buyer=woocommerce.buyer(19))
    shop.tenant = "other"
    with pytest.raises(WrongSignature):
        await shop.send("order.created", order)


async def test_the_ping_needs_no_signature(shop: ConnectedShop) -> None:
    ping = {"x-wc-webhook-id": "12"}
    answer = await shop.receiver.receive(
        "woocommerce", "demo", shop.connection.id, headers=ping, body=b"webhook_id=12", request_id="r"
    )
    assert answer == "ping"
    with pytest.raises(WrongSignature):
        await shop.receiver.receive(
            "woocommerce", "demo", shop.connection.id, headers=ping, body=b'{"id":1}', request_id="r"
        )


async def test_a_suspended_shop_is_refused(shop: ConnectedShop, vault_database: Database) -> None:
    rows(vault_database, "UPDATE tenant SET status = 'suspended' WHERE id = 'demo'")
    with pytest.raises(TenantSuspended):
        await shop.send("order.created", woocommerce.order(122, buyer=woocommerce.buyer(20)))
    with pytest.raises(WrongSignature):
        await shop.send("order.created", {"id": 1}, secret="wrong")


async def test_unknown_topics_are_accepted_and_ignored(shop: ConnectedShop, vault_database: Database) -> None:
    assert await shop.send("customer.created", {"id": 5, "email": "a@example.ru"}) == "ignored"
    assert events(vault_database) == []


async def test_products_teach_the_dictionary(shop: ConnectedShop, vault_database: Database) -> None:
    for number, sku, name, price in (
        (501, "CUP-BLUE", "Кружка синяя", "890.00"),
        (502, "TEA-IVAN", "Иван-чай", "420.00"),
        (503, "SHAWL-01", "Платок", "3950.00"),
        (504, "HONEY-05", "Мёд +7 916 123-45-67", "760.00"),
    ):
        answer = await shop.send("product.created", woocommerce.product(number, sku, name, price))
        assert answer == ("ignored" if number == 504 else "learnt")
    order = woocommerce.order(123, buyer=woocommerce.buyer(21))
    await shop.send("order.created", order)
    [event] = events(vault_database)
    known = {"501": "Кружка синяя", "502": "Иван-чай", "503": "Платок"}
    for item in event["data"]["items"]:
        assert item["title"] == known.get(item["product_id"])
        assert (item["sku"] is None) == (item["product_id"] == "504")


async def test_an_older_product_event_changes_nothing(shop: ConnectedShop, vault_database: Database) -> None:
    new = woocommerce.product(501, "NEW", "Новое имя", "1.00", modified=NOON)
    old = woocommerce.product(501, "OLD", "Старое имя", "1.00", modified=NOON - timedelta(days=1))
    await shop.send("product.updated", new)
    await shop.send("product.updated", old)
    known = rows(vault_database, "SELECT kind, code, title FROM gateway_dictionary WHERE goods = '501' ORDER BY kind")
    assert known == [("goods", "501", "Новое имя"), ("sku", "NEW", "Новое имя")]


async def test_without_the_key_service_nothing_is_taken(
    shop: ConnectedShop, keys: MemoryKeyService, vault_database: Database
) -> None:
    keys.available = False
    order = woocommerce.order(124, buyer=woocommerce.buyer(22))
    with pytest.raises(KeyServiceUnavailable):
        await shop.send("order.created", order)
    keys.available = True
    assert await shop.send("order.created", order) == "accepted"
    assert len(events(vault_database)) == 1


async def test_each_accepted_delivery_is_on_the_record(shop: ConnectedShop, vault_database: Database) -> None:
    body = woocommerce.encode(woocommerce.order(125, buyer=woocommerce.buyer(23)))
    await shop.send("order.created", body)
    await shop.send("order.created", body)
    recorded = rows(vault_database, "SELECT principal, verb, decision FROM audit_detail")
    assert recorded == [("gateway", "tokenise", "allow")]


async def test_refused_deliveries_are_recorded_once_a_minute(shop: ConnectedShop, vault_database: Database) -> None:
    for _ in range(20):
        with pytest.raises(WrongSignature):
            await shop.send("order.created", {"id": 1}, secret="wrong")
    for _ in range(3):
        with pytest.raises(BrokenPayload):
            await shop.send("order.created", b"{")
    await shop.receiver.refusals.flush()
    found = rows(vault_database, "SELECT decision, counts::text FROM audit_detail")
    recorded = {str(decision): str(counts) for decision, counts in found}
    assert recorded.keys() == {"wrong_signature", "broken_payload"}
    assert "20" in recorded["wrong_signature"]
    assert "3" in recorded["broken_payload"]


async def test_secrets_are_sealed_at_rest(shop: ConnectedShop, vault_database: Database) -> None:
    stored = str(rows(vault_database, "SELECT * FROM gateway_connection"))
    assert shop.connection.secret not in stored
    assert shop.connection.secret.encode().hex() not in stored


async def test_a_sealed_secret_moved_to_another_connection_does_not_open(
    vault: Vault, shop: ConnectedShop, vault_database: Database
) -> None:
    theirs = await connect(vault_database.owner_url, vault.keys, CONNECTORS["woocommerce"], tenant="demo")
    rows(
        vault_database,
        "UPDATE gateway_connection c SET wrapped = o.wrapped, sealed = o.sealed, kek_version = o.kek_version "
        "FROM gateway_connection o WHERE c.id = %s AND o.id = %s",
        shop.connection.id,
        theirs.id,
    )
    with pytest.raises(VaultError) as refused:
        await shop.send("order.created", {"id": 1}, secret=theirs.secret)
    assert not isinstance(refused.value, WrongSignature)


async def test_the_forwarder_delivers_what_was_accepted(
    shop: ConnectedShop, forwarding: Forwarding, intake: FakeIntake
) -> None:
    async with forwarding.running():
        await shop.send("order.created", woocommerce.order(126, buyer=woocommerce.buyer(24)))
        await forwarding.until(1)
    assert set(intake.orders) == {"126"}


@pytest.mark.parametrize(("policy", "verb"), [("gateway-match", "search"), ("gateway-tokenise", "tokenise")])
async def test_without_its_policy_the_gateway_takes_nobody_in(
    vault: Vault, shop: ConnectedShop, vault_database: Database, tmp_path: Path, *, policy: str, verb: str
) -> None:
    policies = Path(shutil.copytree(POLICIES, tmp_path / "policies"))
    file = policies / "access" / "services.cedar"
    kept = [each for each in re.split(r"(?=@id)", file.read_text("utf-8")) if f'@id("{policy}")' not in each]
    file.write_text("".join(kept), "utf-8")
    vault.matrix = compile_matrix(policies)
    with pytest.raises(Forbidden):
        await shop.send("order.created", woocommerce.order(126, buyer=woocommerce.buyer(24)))
    assert events(vault_database) == []
    assert rows(vault_database, "SELECT count(*) FROM pii_value") == [(0,)]
    recorded = rows(vault_database, "SELECT principal, verb, decision FROM audit_detail")
    assert recorded == [("gateway", verb, "forbidden")]


async def test_what_an_order_brings_is_found_by_its_parts_where_the_shop_has_them_indexed(
    vault: Vault, shop: ConnectedShop, vault_database: Database
) -> None:
    buyer = woocommerce.buyer(1)
    await shop.send("order.created", woocommerce.order(101, buyer=buyer))
    assert rows(vault_database, "SELECT count(*) FROM search_key") == [(0,)]
    for class_id, kind in (("phone", "last4"), ("email", "domain")):
        await switch(vault, shop.tenant, class_id, kind, on=True)  # type: ignore[arg-type]
    vault.search_plans = SearchPlans(vault.pool)
    other = woocommerce.buyer(2)
    await shop.send("order.created", woocommerce.order(102, buyer=other))
    found = await search(
        vault,
        program(tenant=shop.tenant),
        purpose="support",
        class_id="phone",
        value=re.sub(r"\D", "", other.phone)[-4:],
        request_id="r",
        match="last4",
    )
    assert len(found) == 1
    assert rows(vault_database, "SELECT class_key FROM search_key ORDER BY class_key") == [(2,), (3,)]
