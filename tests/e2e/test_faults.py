"""Parts fail one by one: what stays usable, what is refused, and that nothing accepted is lost."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from playwright.async_api import Page, expect

from app.signin.issuer import DISCOVERY_MIN_AGE
from scripts.local.processes import running
from scripts.local.shop import Buyer, buyer, order
from tests.e2e.desk import Desk, cell, form_frame, press, reveal_frame, shown
from tests.support.instance import World, service_of, until
from tests.support.persons import person


def update(world: World, number: int, who: Buyer, *, status: str, seconds: int) -> None:
    """The shop's `order.updated`, that many seconds after the order was made."""
    modified = datetime.now(UTC) + timedelta(seconds=seconds)
    with httpx.Client(trust_env=False, timeout=15) as client:
        payload = order(number, buyer=who, status=status, modified=modified)
        assert world.shop.send("order.updated", payload, client=client).status_code == httpx.codes.OK


def status_of(world: World, number: int) -> str | None:
    found = world.rows("public", "SELECT status FROM orders WHERE external_id = %s", str(number))
    return str(found[0][0]) if found else None


# -- the vault, which is the issuer too ------------------------------------------------------------------------------


async def test_without_the_vault_pages_load_frames_offer_retry_and_work_goes_on(desk: Desk, world: World) -> None:
    card, who = world.arrive()
    page = await desk.page("sales")
    with world.without("vault"):
        answer = await page.goto(f"{world.instance.crm_origin}/orders/{card['id']}")
        assert answer is not None
        assert answer.status == httpx.codes.OK
        retry = page.locator('[data-notice="away"]:visible').get_by_role("button", name="Повторить")
        await expect(retry).to_be_visible()
        await expect(page.locator("[data-reveal]")).to_have_attribute("data-state", "away")
        await page.locator("#order-status select").select_option("completed")
        await page.get_by_role("button", name="Сменить").click()
        await expect(page.locator("#timeline")).to_contain_text("Выполнен")
    await retry.click()
    phone = cell(reveal_frame(page), "Телефон")
    await expect(phone).to_have_attribute("data-state", "mask")
    await press(phone, purpose="Обработка заказа")
    assert await shown(phone) == who.phone


async def test_an_open_frame_keeps_its_masks_and_says_that_the_vault_is_away(desk: Desk, world: World) -> None:
    card, who = world.arrive()
    page = await desk.page("warehouse")
    await page.goto(f"{world.instance.crm_origin}/orders/{card['id']}")
    address = cell(reveal_frame(page), "Адрес")
    await expect(address).to_have_attribute("data-state", "hidden")
    with world.without("vault"):
        await press(address)
        await expect(address.locator(".notice")).to_have_text("Нет связи")
    await expect(address.locator(".notice")).to_be_hidden()  # it covers what is to be pressed
    await press(address)
    assert who.address_1 in await shown(address)


async def test_what_was_typed_stays_while_the_vault_is_away(desk: Desk, world: World) -> None:
    who = person(91_001)
    page = await desk.page("sales")
    await page.goto(f"{world.instance.crm_origin}/contacts/new")
    frame = form_frame(page)
    await frame.locator("#field-name").fill(who.name)
    await frame.locator("#field-phone").fill(who.phone)
    with world.without("vault"):
        await frame.locator("button.primary").click()
        await expect(frame.locator(".status")).to_contain_text("Хранилище не отвечает")
        await expect(frame.locator("#field-name")).to_have_value(who.name)
        await expect(frame.locator("#field-phone")).to_have_value(who.phone)
    await frame.get_by_role("button", name="Повторить").click()
    await page.wait_for_url("**/contacts/cnt_*")


async def test_without_the_issuer_the_sign_in_page_says_so_and_open_sessions_stay(desk: Desk, world: World) -> None:
    stranger, member = await desk.new_page(), await desk.page("sales")
    with world.without("vault"):
        await stranger.goto(f"{world.instance.crm_origin}/signin")
        await asyncio.sleep(
            DISCOVERY_MIN_AGE
        )  # within it, a CRM that has just heard of the issuer believes it is there
        await stranger.get_by_role("link", name="Войти").click()
        await expect(stranger.get_by_role("alert")).to_be_visible()
        # An access token of the CRM lives five minutes: one that has ended cannot be renewed now.
        world.rows("public", "UPDATE staff_session SET access_expires_at = now() - interval '1 second'")
        await member.goto(f"{world.instance.crm_origin}/orders")
        await expect(member.locator("#list")).to_be_visible()
    await member.reload()
    await expect(reveal_frame(member).locator("[data-state=mask]").first).to_be_visible()


# -- the public contour ----------------------------------------------------------------------------------------------


def test_orders_that_come_while_the_app_is_away_arrive_later_in_their_order(world: World) -> None:
    with world.without("app"):
        sent = [world.send() for _ in range(5)]
        number, who = sent[0]
        for place, status in enumerate(("on-hold", "processing", "completed"), start=1):
            update(world, number, who, status=status, seconds=place)
    for number, _ in sent:
        world.card(number)
    number = sent[0][0]
    until(lambda: status_of(world, number) == "completed")
    changes = world.rows(
        "public",
        "SELECT e.data->>'to' FROM timeline_event e JOIN orders o ON o.id = e.order_id "
        "WHERE o.external_id = %s AND e.kind = 'status_changed' ORDER BY e.occurred_at, e.id",
        str(number),
    )
    assert [row[0] for row in changes] == ["on-hold", "processing", "completed"]


def test_a_killed_worker_leaves_its_work_to_the_next_and_nothing_comes_twice(world: World) -> None:
    worker = running(world.instance, service_of("vault-worker"))
    assert worker is not None
    numbers = [world.send()[0] for _ in range(20)]
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait(10)
    numbers += [world.send()[0] for _ in range(5)]
    left = world.rows("private", "SELECT count(*) FROM gateway_outbox WHERE dead IS NULL")[0][0]
    assert left >= 5
    # What the dead one had claimed is free when its lease ends; the test does not wait for that half minute.
    world.rows("private", "UPDATE gateway_outbox SET due = now() WHERE dead IS NULL")
    world.start("vault-worker")
    for number in numbers:
        world.card(number)
    texts = [str(number) for number in numbers]
    rows = world.rows(
        "public",
        "SELECT count(*), count(DISTINCT o.id) FROM orders o JOIN timeline_event e ON e.order_id = o.id "
        "WHERE o.external_id = ANY(%s) AND e.kind = 'order_created'",
        texts,
    )
    assert rows == [(len(numbers), len(numbers))]
    until(lambda: world.rows("private", "SELECT 1 WHERE NOT EXISTS (SELECT FROM gateway_outbox WHERE dead IS NULL)"))


def test_a_replayed_delivery_is_taken_and_makes_no_second_order(world: World) -> None:
    number = 661_001
    payload = order(number, buyer=buyer(number))
    with httpx.Client(trust_env=False, timeout=15) as client:
        answers = [world.shop.send("order.created", payload, client=client).status_code for _ in range(3)]
    assert answers == [httpx.codes.OK] * 3
    world.card(number)
    until(lambda: world.rows("private", "SELECT 1 WHERE NOT EXISTS (SELECT FROM gateway_outbox WHERE dead IS NULL)"))
    count = "SELECT count(*) FROM orders WHERE external_id = %s"
    assert world.rows("public", count, str(number)) == [(1,)]


# -- the databases ---------------------------------------------------------------------------------------------------


def pid(world: World, name: str) -> int:
    process = running(world.instance, service_of(name))
    assert process is not None, f"{name} does not run"
    return process.pid


async def test_a_killed_private_database_means_503_and_heals_without_a_restart(desk: Desk, world: World) -> None:
    card, who = world.arrive()
    token = card["contact_tokens"]["phone"][0]
    bearer = world.bearer("sales")
    page = await desk.page("sales")
    pids = {name: pid(world, name) for name in ("vault", "vault-worker")}
    world.kill_postgres("private")
    try:
        with world.vault(headers={"authorization": f"Bearer {bearer}"}) as client:
            reveal = {"purpose": "order_processing", "items": [{"token": token}]}
            search = {"purpose": "order_processing", "class": "phone", "value": who.phone}
            for path, body in (("/v1/reveal", reveal), ("/v1/search", search)):
                assert_refused(client.post(path, json=body), who)
            assert client.get("/readyz").status_code == httpx.codes.SERVICE_UNAVAILABLE
            assert client.get("/healthz").status_code == httpx.codes.OK
        with httpx.Client(trust_env=False, timeout=15) as client:
            answer = world.shop.send("order.created", order(661_100, buyer=buyer(661_100)), client=client)
        assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
        await page.goto(f"{world.instance.crm_origin}/orders/{card['id']}")
        phone = cell(reveal_frame(page), "Телефон")
        await expect(phone).to_have_attribute("data-state", "away")
        await expect(phone.locator(".text")).to_have_text("Повторить")
    finally:
        world.start_postgres("private")
    world.wait_ready("vault")
    await press(phone)
    await expect(phone).to_have_attribute("data-state", "mask")
    assert until(lambda: value_of(world, bearer, token)) == who.phone
    world.arrive()  # the worker is back at the outbox too
    assert pids == {name: pid(world, name) for name in pids}


async def test_a_killed_public_database_means_503_and_orders_wait_in_the_outbox(desk: Desk, world: World) -> None:
    page = await desk.page("sales")
    pids = {name: pid(world, name) for name in ("app", "app-worker")}
    begun = queue_starts(world)
    world.kill_postgres("public")
    try:
        answer = await page.goto(f"{world.instance.crm_origin}/orders")
        assert answer is not None
        assert answer.status == httpx.codes.SERVICE_UNAVAILABLE
        await expect(page.get_by_role("link", name="Повторить")).to_be_visible()
        number, _ = world.send()
    finally:
        world.start_postgres("public")
    world.wait_ready("app")
    world.card(number)
    await page.get_by_role("link", name="Повторить").click()
    await expect(page.locator("#list")).to_be_visible()
    until(lambda: queue_starts(world) > begun)
    assert pids == {name: pid(world, name) for name in pids}


def queue_starts(world: World) -> int:
    """How often the public worker has begun to work at its queue."""
    log = (world.instance.logs("public") / "app-worker.log").read_text()
    return log.count("Starting worker")


def assert_refused(answer: httpx.Response, who: Buyer, code: str | None = None) -> None:
    """503 as a problem, and nothing of the person in it."""
    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert code in (None, answer.json()["code"])
    assert who.phone[-10:] not in answer.text


def value_of(world: World, bearer: str, token: str) -> str | None:
    answer = world.reveal(bearer, token)
    return str(answer.json()["items"][0]["value"]) if answer.status_code == httpx.codes.OK else None


# -- the record ------------------------------------------------------------------------------------------------------


@contextmanager
def unwritable_audit(world: World) -> Iterator[None]:
    """The vault may not append to its log."""
    name = world.rows("private", "SELECT oid::regprocedure::text FROM pg_proc WHERE proname = 'audit_append'")[0][0]
    world.rows("private", f"REVOKE EXECUTE ON FUNCTION {name} FROM larets_vault")
    try:
        yield
    finally:
        world.rows("private", f"GRANT EXECUTE ON FUNCTION {name} TO larets_vault")


@contextmanager
def locked_audit(world: World) -> Iterator[None]:
    """Somebody holds the head of the log and does not let go."""
    with psycopg.connect(world.instance.superuser_url("private")) as connection:
        connection.execute("SELECT FROM audit_head FOR UPDATE")
        yield


def values(world: World) -> int:
    return int(world.rows("private", "SELECT count(*) FROM pii_value")[0][0])


@pytest.mark.parametrize("fault", [unwritable_audit, locked_audit])
def test_nothing_is_released_or_stored_unrecorded(world: World, fault: Any) -> None:
    card, who = world.arrive()
    token = card["contact_tokens"]["phone"][0]
    bearer = world.bearer("sales")
    before = values(world)
    with fault(world), world.vault(headers={"authorization": f"Bearer {bearer}"}) as client:
        started = time.monotonic()
        for path, body in (
            ("/v1/reveal", {"purpose": "order_processing", "items": [{"token": token}]}),
            ("/v1/search", {"purpose": "order_processing", "class": "phone", "value": who.phone}),
            ("/v1/tokenise", {"items": [{"class": "phone", "value": person(91_100).phone}]}),
        ):
            assert_refused(client.post(path, json=body), who, "audit_unavailable")
        with httpx.Client(trust_env=False, timeout=15) as shop:
            number = 661_200 + (fault is locked_audit)
            answer = world.shop.send("order.created", order(number, buyer=buyer(number)), client=shop)
        assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert time.monotonic() - started < 25
    assert values(world) == before
    assert until(lambda: value_of(world, bearer, token)) == who.phone


async def test_nobody_signs_in_unrecorded(desk: Desk, world: World) -> None:
    page = await desk.new_page()
    member = world.member("owner")
    await page.goto(f"{world.instance.vault_origin}/identity/signin")
    with unwritable_audit(world):
        await type_password(page, member.login, member.password)
        await expect(page.get_by_role("heading", name="Временно закрыто")).to_be_visible()
    assert "__Host-larets_vault" not in {cookie.get("name") for cookie in await page.context.cookies()}


async def type_password(page: Page, login: str, password: str) -> None:
    await page.locator("#login").fill(login)
    await page.locator("#password").fill(password)
    await page.locator("#password").press("Enter")
