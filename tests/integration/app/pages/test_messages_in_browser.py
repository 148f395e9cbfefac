"""From a press in the CRM to a mail in the person's box and its state back on the card: both contours, in a browser."""

import json
import ssl
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from playwright.async_api import Browser, expect

from app.config import AppSettings
from app.kit.db import Database
from app.messages.hand_over import Messages
from pii_vault.keys.memory import MemoryKeyService
from pii_vault.problems import install
from pii_vault.relay.client import RelayClient
from pii_vault.relay.destinations import add_destination
from pii_vault.relay.endpoints import build_relay
from pii_vault.relay.outside import Destination
from pii_vault.relay.template import read_template
from pii_vault.relay.templates import approve, propose
from pii_vault.vault import Vault
from tests.integration.app.pages.stage import Stage, on_stage
from tests.integration.app.support import Clock
from tests.integration.pii_vault.relay.conftest import BUDGETS, MAIL, Callers, sender_of
from tests.support.outside import Mailbox, mail_server
from tests.support.persons import person
from tests.support.postgres import Database as Clone
from tests.support.vault import rows, staff

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
NEWS = {
    "id": "news", "version": 1, "title": "Новости магазина", "purpose": "marketing", "destination": "mail",
    "email": {"subject": "Новости", "text": "{{person.name}}, у нас новости."},
}  # fmt: skip


@pytest.fixture
def mailbox() -> Any:
    with mail_server() as found:
        yield found


@pytest.fixture
def keys(vault: Vault) -> MemoryKeyService:
    assert isinstance(vault.keys, MemoryKeyService)
    return vault.keys


@pytest.fixture
async def relay(vault: Vault, keys: MemoryKeyService, vault_database: Clone, mailbox: Mailbox) -> Any:
    """The real relay of a real vault, with two approved templates, as the CRM's client calls it."""
    mail = Destination("mail", "smtp", f"smtp://127.0.0.1:{mailbox.port}", "shop@example.ru")
    await add_destination(vault_database.owner_url, keys, mail, tenant="demo", local=True)
    for content in (MAIL, NEWS):
        template = read_template(content)
        await propose(vault, staff("owner"), template, request_id="1")
        place: Any = {"template": template.id, "version": template.version, "digest": template.digest}
        await approve(vault, staff("officer"), **place, request_id="2")
    app = FastAPI()
    install(app)
    app.include_router(build_relay(vault, Callers(), BUDGETS))  # type: ignore[arg-type]
    client = RelayClient(
        "http://vault", host="vault", tls=ssl.create_default_context(), transport=httpx.ASGITransport(app)
    )
    yield client
    await client.close()


@pytest.fixture
async def stage(
    settings: AppSettings, db: Database, vault: Vault, clock: Clock, relay: RelayClient
) -> AsyncIterator[Stage]:
    async with on_stage(settings, db, vault, clock, relay=relay) as opened:
        yield opened


async def told(stage: Stage, database: Clone) -> None:
    """What the vault's outbox holds for the CRM is brought there."""
    messages = Messages(stage.services.db, stage.services.relay)
    for (body,) in rows(database, "SELECT body FROM gateway_outbox WHERE object = 'dispatch' ORDER BY sequence"):
        await messages.take(bytes(body))  # type: ignore[call-overload]


@pytest.mark.parametrize("width", [390, 1280])
async def test_a_message_reaches_the_person_once_and_its_state_the_card(
    stage: Stage, screen: Browser, mailbox: Mailbox, *, vault_database: Clone, app_database: Clone, tmp_path: Path,
    width: int,
) -> None:  # fmt: skip
    who = person(1)
    found = await stage.order(1)
    page = await stage.page(screen, viewport={"width": width, "height": 844})
    await page.goto(f"{stage.origin}/orders/{found}")
    await page.get_by_role("link", name="Написать").press("Enter")
    await expect(page.get_by_role("heading", name="Заказ отправлен")).to_be_visible()
    await expect(page.get_by_role("heading", name="Новости магазина")).to_have_count(0)  # not this role's
    assert "в пути" not in await page.content()  # the text is not here
    await page.screenshot(path=tmp_path / "new.png", full_page=True)
    assert await page.evaluate(OVERFLOW) == 0
    await page.get_by_role("button", name="Отправить").dblclick()
    await expect(page).to_have_url(f"{stage.origin}/orders/{found}")  # the second click ends the first one's visit
    listed = page.locator(".messages li")
    await expect(listed).to_have_count(1)
    await expect(listed).to_contain_text("в очереди")

    await sender_of(stage.vault.vault).once()
    [(recipients, _)] = mailbox.mails
    assert recipients == [who.email]
    await told(stage, vault_database)
    await expect(listed).to_contain_text("отправлено", timeout=20_000)  # the card asks by itself
    await page.screenshot(path=tmp_path / "card.png", full_page=True)
    assert await page.evaluate(OVERFLOW) == 0
    with psycopg.connect(app_database.superuser_url) as connection:
        rows_of = connection.execute("SELECT row_to_json(m) FROM message m").fetchall()
    kept = json.dumps(rows_of, ensure_ascii=False)
    assert not [value for value in (who.email, who.phone, who.surname, "в пути") if value in kept]


TOLD = MAIL | {
    "id": "told", "title": "Заказ ждёт вас",
    "parameters": {
        "number": "order_number", "day": "date", "at": "time", "price": "money", "left": "number",
        "how": {"kind": "choice", "words": ["почтой", "курьером"]}, "code": "tracking_code",
        "track": {"kind": "link", "starts": ["https://www.post.example/t/", "https://shop.example/track?id="]},
        "site": {"kind": "link", "starts": ["https://shop.example/o/"]},
    },
    "email": {"subject": "Заказ {{given.number}}", "text": "{{given.day}} {{given.at}} {{given.price}} {{given.left}} "
              "{{given.how}} {{given.code}} {{given.track}} {{given.site}}"},
}  # fmt: skip


@pytest.mark.parametrize("width", [390, 1280])
async def test_each_kind_of_parameter_is_filled_in_by_keyboard(
    stage: Stage, screen: Browser, mailbox: Mailbox, *, tmp_path: Path, width: int
) -> None:
    vault = stage.vault.vault
    told = read_template(TOLD)
    await propose(vault, staff("owner"), told, request_id="1")
    place: Any = {"template": told.id, "version": told.version, "digest": told.digest}
    await approve(vault, staff("officer"), **place, request_id="2")
    found = await stage.order(1)
    page = await stage.page(screen, viewport={"width": width, "height": 844})
    await page.goto(f"{stage.origin}/messages/new?order={found}")
    form = page.locator("form", has_text="Заказ ждёт вас")
    await form.get_by_role("textbox", name="Число · left").fill("Яна")
    for name, text in (("Дата · day", "2026-11-29"), ("Время · at", "18:00"), ("Сумма · price", "990 руб")):
        await form.get_by_label(name).fill(text)
    for name, text in (("Код отправления · code", "RA123456785RU"), ("Ссылка · site", "1001")):
        await form.get_by_role("textbox", name=name).fill(text)
    await form.get_by_label("Начало ссылки").select_option("https://shop.example/track?id=")
    await form.get_by_role("textbox", name="Номер отправления").fill("7001")
    await form.get_by_role("combobox", name="Выбор · how").press("End")
    await form.get_by_role("button", name="Отправить").press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("не то, что утверждено")
    wrong = form.locator("[aria-invalid]")
    await expect(wrong).to_have_count(1)
    await expect(wrong).to_have_accessible_description("Цифры, не больше девяти.")
    await page.screenshot(path=tmp_path / "kinds.png", full_page=True)
    assert await page.evaluate(OVERFLOW) == 0
    await wrong.fill("2")
    await form.get_by_role("button", name="Отправить").press("Enter")
    await page.wait_for_url(f"**/orders/{found}")
    await sender_of(vault).once()
    [(_, content)] = mailbox.mails
    body = message_from_bytes(content, policy=policy.default).get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert " ".join(body.split()) == (
        "29.11.2026 18:00 990 руб 2 курьером RA123456785RU https://shop.example/track?id=7001 https://shop.example/o/1001"
    )


async def test_without_a_consent_the_marketer_is_told_why(
    stage: Stage, screen: Browser, mailbox: Mailbox, tmp_path: Path
) -> None:
    found = await stage.order(1)
    page = await stage.page(screen, "marketer", viewport={"width": 390, "height": 844})
    await page.goto(f"{stage.origin}/orders/{found}")
    await page.get_by_role("link", name="Написать").click()
    await expect(page.get_by_text("Только тем, кто согласился")).to_be_visible()
    await page.get_by_role("button", name="Отправить").click()
    await expect(page.get_by_role("alert")).to_contain_text("человек не давал согласия")
    await page.screenshot(path=tmp_path / "refused.png", full_page=True)
    assert await page.evaluate(OVERFLOW) == 0
    await sender_of(stage.vault.vault).once()
    assert mailbox.mails == []
