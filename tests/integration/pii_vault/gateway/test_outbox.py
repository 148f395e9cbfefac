"""The outbox: nothing lost, order kept per object, dead letters visible."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest

from pii_vault.gateway.forward import forwarder_pool
from pii_vault.gateway.outbox import Outbox, list_deliveries, revive
from tests.integration.pii_vault.gateway.conftest import ConnectedShop, Forwarding
from tests.support import woocommerce
from tests.support.fake_intake import FakeIntake
from tests.support.postgres import Database
from tests.support.vault import rows

STATUSES = ("pending", "processing", "on-hold", "completed")


@pytest.fixture
async def pool(vault_database: Database) -> AsyncIterator[asyncpg.Pool]:
    async with await forwarder_pool(vault_database.runtime_url) as opened:
        yield opened


async def send_states(shop: ConnectedShop, number: int) -> None:
    """One order's life: several events of one object."""
    for minute, status in enumerate(STATUSES):
        order = woocommerce.order(number, buyer=woocommerce.buyer(number), status=status)
        moment = f"2026-11-20T12:{minute:02d}:00"
        await shop.send("order.updated", order | {"date_modified_gmt": moment})


async def test_order_is_kept_per_object_and_nothing_is_lost_while_the_receiver_is_away(
    shop: ConnectedShop, forwarding: Forwarding, intake: FakeIntake, vault_database: Database
) -> None:
    intake.away = True
    async with forwarding.running():
        await asyncio.gather(*(send_states(shop, number) for number in range(301, 306)))
        await asyncio.sleep(0.3)
        assert intake.applied == []
        intake.away = False
        await intake.wait_for(20, seconds=20)
    assert intake.statuses == {"applied": 20}
    for number in range(301, 306):
        mine = [each for each in intake.applied if each["external_id"] == str(number)]
        sequences = [each["sequence"] for each in mine]
        assert sequences == sorted(set(sequences))
        assert [each["data"]["status"] for each in mine] == list(STATUSES)
    assert rows(vault_database, "SELECT count(*) FROM gateway_outbox") == [(0,)]


async def test_a_gate_that_shuts_under_a_running_forwarder_is_obeyed_at_once(
    shop: ConnectedShop, forwarding: Forwarding, intake: FakeIntake
) -> None:
    async with forwarding.running():
        await shop.send("order.created", woocommerce.order(309, buyer=woocommerce.buyer(1)))
        await intake.wait_for(1, seconds=20)
        forwarding.may_send = False
        await shop.send("order.created", woocommerce.order(310, buyer=woocommerce.buyer(2)))
        await asyncio.sleep(0.4)
        assert len(intake.applied) == 1
        forwarding.may_send = True
        await intake.wait_for(2, seconds=20)


async def test_two_forwarders_share_the_work_and_keep_the_order(
    shop: ConnectedShop, forwarding: Forwarding, intake: FakeIntake
) -> None:
    await asyncio.gather(*(send_states(shop, number) for number in range(311, 319)))
    async with forwarding.running(), forwarding.running():
        await intake.wait_for(32, seconds=20)
    assert intake.statuses == {"applied": 32}


async def test_a_crash_between_sending_and_noting_is_a_duplicate_to_the_receiver(
    shop: ConnectedShop, forwarding: Forwarding, intake: FakeIntake, pool: asyncpg.Pool, vault_database: Database
) -> None:
    await shop.send("order.created", woocommerce.order(321, buyer=woocommerce.buyer(1)))
    [event] = await Outbox(pool).claim(10)
    async with intake.client() as client:
        await client.post("/intake/v1/events", content=event.body)
    # here the process dies; its lease runs out
    assert await Outbox(pool).claim(10) == []
    rows(vault_database, "UPDATE gateway_outbox SET due = now()")
    async with forwarding.running():
        while rows(vault_database, "SELECT count(*) FROM gateway_outbox") != [(0,)]:  # noqa: ASYNC110  another process's table
            await asyncio.sleep(0.02)
    assert intake.statuses == {"applied": 1, "duplicate": 1}


async def test_a_crash_between_commit_and_forward_loses_nothing(
    shop: ConnectedShop, forwarding: Forwarding, intake: FakeIntake
) -> None:
    await shop.send("order.created", woocommerce.order(322, buyer=woocommerce.buyer(1)))
    # no forwarder lived when it was accepted, so no notification was heard
    async with forwarding.running():
        await intake.wait_for(1)
    assert set(intake.orders) == {"322"}


async def test_a_later_event_of_an_object_waits_for_an_earlier_one(shop: ConnectedShop, pool: asyncpg.Pool) -> None:
    await send_states(shop, 331)
    await shop.send("order.created", woocommerce.order(332, buyer=woocommerce.buyer(2)))
    outbox = Outbox(pool)
    claimed = await outbox.claim(10)
    assert len(claimed) == 2
    assert await outbox.claim(10) == []
    assert await outbox.done(claimed[0]) is True
    assert await outbox.done(claimed[1]) is False
    assert len(await outbox.claim(10)) == 1


@pytest.mark.parametrize("answer", [500, 503, 429, 408, httpx.ReadTimeout("slow")], ids=str)
async def test_what_may_pass_is_tried_again(
    shop: ConnectedShop, forwarding: Forwarding, intake: FakeIntake, answer: int | Exception
) -> None:
    intake.answers = [answer]
    await shop.send("order.created", woocommerce.order(341, buyer=woocommerce.buyer(1)))
    async with forwarding.running():
        await intake.wait_for(1)
    assert len(intake.received) == 2
    assert intake.received[0] == intake.received[1]


async def test_a_refused_event_is_put_aside_visible_and_can_be_sent_again(
    shop: ConnectedShop, forwarding: Forwarding, intake: FakeIntake, pool: asyncpg.Pool, vault_database: Database
) -> None:
    intake.refused = {"351"}
    await send_states(shop, 351)
    await shop.send("order.created", woocommerce.order(352, buyer=woocommerce.buyer(2)))
    async with forwarding.running():
        await intake.wait_for(1)
        while rows(vault_database, "SELECT count(*) FROM gateway_outbox WHERE dead IS NULL") != [(0,)]:  # noqa: ASYNC110  another process's table
            await asyncio.sleep(0.02)
        assert set(intake.orders) == {"352"}
        dead = await list_deliveries(pool, tenant="demo", dead_only=True, limit=10)
        assert [(each["external_id"], each["failure"]) for each in dead] == [("351", "status 422 invalid_request")] * 4
        assert await list_deliveries(pool, tenant="other", dead_only=False, limit=10) == []
        assert await revive(pool, tenant="other", event=None) == []
        intake.refused = set()
        assert await revive(pool, tenant="demo", event=dead[0]["event"]) == [dead[0]["event"]]
        await intake.wait_for(2)
    assert intake.orders["351"]["status"] == "completed"
    every = await list_deliveries(pool, tenant="demo", dead_only=False, limit=10)
    assert sorted(each["state"] for each in every) == ["dead"] * 3 + ["forwarded"] * 2
