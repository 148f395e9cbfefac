"""The search and collect frames in a real browser: what the reader is told, and what the page gets."""

from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect

from pii_vault.operations.reveal import reveal
from tests.integration.pii_vault.widgets.stage import Stage
from tests.support.persons import person
from tests.support.vault import outage, staff

ANNA = person(7)


async def opened(page: Page, **message: Any) -> None:
    await page.evaluate("(m) => send(m)", {"type": "open", "locale": "ru", "theme": "light", **message})


async def last(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = await page.evaluate("received.at(-1)")
    return found


async def value_of(stage: Stage, token: str) -> str | None:
    results = await reveal(stage.vault, staff("sales"), purpose="support", tokens=[token], request_id="test")
    return results[0].value


# --- search ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", [ANNA.phone, ANNA.email.upper()])
async def test_search_gives_the_page_tokens_only(stage: Stage, context: BrowserContext, typed: str) -> None:
    subject = await stage.store(phone=ANNA.phone, email=ANNA.email)
    page, frame = await stage.open(context, "search", height=70)
    await opened(page, purpose="order_processing", classes=["phone", "email"])
    await frame.fill("input", typed)
    await frame.press("input", "Enter")
    await expect(frame.locator(".status")).to_have_text("Найдено: 1")
    tokens = {class_id: [stage.tokens[class_id]] for class_id in ("phone", "email")}
    assert await last(page) == {"larets": 1, "type": "found", "subjects": [{"subject": subject, "tokens": tokens}]}


async def test_search_finds_nobody_and_refuses_half_a_number_by_itself(stage: Stage, context: BrowserContext) -> None:
    page, frame = await stage.open(context, "search", height=70)
    await opened(page, purpose="order_processing", classes=["phone", "email"])
    await frame.fill("input", "+7 912 34")
    await frame.click("button")
    await expect(frame.locator(".status")).to_have_text("Введите номер телефона полностью")
    assert stage.asked("search") == 0
    await frame.fill("input", ANNA.phone)
    await frame.click("button")
    await expect(frame.locator(".status")).to_have_text("Никого не нашлось")
    assert (await last(page))["subjects"] == []


async def test_search_says_that_the_role_may_not(stage: Stage, context: BrowserContext) -> None:
    stage.sessions.role = "marketer"
    page, frame = await stage.open(context, "search", height=70)
    await opened(page, purpose="order_processing", classes=["phone"])
    await frame.fill("input", ANNA.phone)
    await frame.click("button")
    await expect(frame.locator(".status")).to_have_text("Вашей роли поиск по личным данным закрыт")
    assert await last(page) == {"larets": 1, "type": "denied", "code": "forbidden"}


# --- collect -----------------------------------------------------------------------------------------


async def test_collect_stores_a_person_and_gives_the_page_tokens(stage: Stage, context: BrowserContext) -> None:
    page, frame = await stage.open(context, "collect", height=480)
    await opened(page, fields=[{"class": "name", "required": True}, {"class": "phone"}, {"class": "email"}])
    await frame.fill("#field-name", ANNA.name)
    await frame.fill("#field-phone", ANNA.phone)
    await frame.click("button.primary")
    await expect(frame.locator(".status")).to_have_text("Сохранено")
    message = await last(page)
    assert message["type"] == "collected"
    assert set(message["tokens"]) == {"name", "phone"}
    assert await value_of(stage, message["tokens"]["phone"]) == ANNA.phone
    assert await frame.input_value("#field-name") == ""
    assert ANNA.name not in str(await page.evaluate("received"))


async def test_collect_keeps_what_was_typed_when_a_field_is_wrong_or_missing(
    stage: Stage, context: BrowserContext
) -> None:
    page, frame = await stage.open(context, "collect", height=480)
    await opened(page, fields=[{"class": "name", "required": True}, {"class": "email"}])
    await frame.fill("#field-email", "nowhere")
    await frame.click("button.primary")
    await expect(frame.locator("#field-name-error")).to_have_text("Заполните это поле")
    assert stage.asked("tokenise") == 0
    await frame.fill("#field-name", ANNA.name)
    await frame.click("button.primary")
    await expect(frame.locator("#field-email-error")).to_have_text("Проверьте адрес: нужен вид name@shop.ru")
    assert await frame.input_value("#field-email") == "nowhere"
    assert await frame.input_value("#field-name") == ANNA.name


async def test_collect_keeps_what_was_typed_while_the_vault_is_away_and_stores_it_once(
    stage: Stage, context: BrowserContext, vault_database: Any
) -> None:
    page, frame = await stage.open(context, "collect", height=480)
    await opened(page, fields=[{"class": "name"}])
    await frame.fill("#field-name", ANNA.name)
    with outage(vault_database):
        await frame.click("button.primary")
        await expect(frame.locator(".status")).to_contain_text("Хранилище не отвечает", timeout=20_000)
    assert await frame.input_value("#field-name") == ANNA.name
    await frame.dblclick("button.primary")
    await expect(frame.locator(".status")).to_have_text("Сохранено")
    assert [each["type"] for each in await page.evaluate("received")].count("collected") == 1


async def test_correction_shows_the_mask_and_loads_the_value_only_at_a_press(
    stage: Stage, context: BrowserContext
) -> None:
    subject = await stage.store(phone=ANNA.phone)
    page, frame = await stage.open(context, "collect", height=480)
    await opened(page, subject=subject, fields=[{"class": "phone", "token": stage.tokens["phone"]}])
    await expect(frame.locator(".current")).to_contain_text("*")
    assert await frame.input_value("#field-phone") == ""
    await frame.click("button.primary")
    await expect(frame.locator(".status")).to_have_text("Вы ничего не изменили")
    await page.wait_for_timeout(600)  # the button to load may not be pressed before it was seen
    await frame.get_by_role("button", name="Показать и исправить").click()
    await frame.get_by_role("menuitem", name="Обслуживание покупателя").click()
    await expect(frame.locator("#field-phone")).to_have_value(ANNA.phone)
    other = person(8).phone
    await frame.fill("#field-phone", other)
    await frame.click("button.primary")
    await expect(frame.locator(".status")).to_have_text("Сохранено")
    message = await last(page)
    assert message["subject"] == subject
    assert await value_of(stage, message["tokens"]["phone"]) == other
