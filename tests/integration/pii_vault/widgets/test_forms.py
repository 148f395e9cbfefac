"""The search and collect frames in a real browser: what the reader is told, and what the page gets."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Frame, Page, Route, expect

from pii_vault.operations.parts import SearchPlans
from pii_vault.operations.plan import switch
from pii_vault.operations.reveal import reveal
from tests.integration.pii_vault.widgets.stage import Stage
from tests.support.persons import person
from tests.support.vault import outage, rows, staff

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


PARTS = {"phone": "last4", "email": "domain", "name": "prefix"}
ALL = ["phone", "email", "name"]


async def index_parts(stage: Stage, *classes: str) -> None:
    for class_id in classes:
        await switch(stage.vault, "demo", class_id, PARTS[class_id], on=True)  # type: ignore[arg-type]
    stage.vault.search_plans = SearchPlans(stage.vault.pool)


async def find(frame: Frame, text: str) -> None:
    await frame.fill("input", text)
    await frame.press("input", "Enter")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (ANNA.phone[-4:], "По четырём последним цифрам телефона"),
        ("@example.ru", "По домену почты"),
        ("example.ru", "По домену почты"),
        (ANNA.surname[:4].lower(), "По началу имени или фамилии"),
        (f"{ANNA.given} {ANNA.surname[:3]}", "По началу имени или фамилии"),
    ],
)
async def test_people_are_found_by_parts_where_the_shop_has_them_indexed(
    stage: Stage, context: BrowserContext, typed: str, told: str
) -> None:
    await index_parts(stage, *PARTS)
    subject = await stage.store(name=ANNA.name, phone=ANNA.phone, email=ANNA.email)
    page, frame = await stage.open(context, "search", height=92)
    await opened(page, purpose="order_processing", classes=ALL)
    await expect(frame.locator(".status")).to_contain_text("4 последние цифры; @домен; начало имени")
    await frame.fill("input", typed)
    await expect(frame.locator(".status")).to_have_text(told)  # how it will be read is told before it is asked
    await frame.press("input", "Enter")
    await expect(frame.locator(".status")).to_have_text("Найдено: 1")
    assert [each["subject"] for each in (await last(page))["subjects"]] == [subject]
    assert typed not in str(await page.evaluate("received"))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("4567", "Поиск по последним цифрам в этом магазине не включён"),
        ("@example.ru", "Поиск по домену почты в этом магазине не включён"),
        ("Сокол", "Поиск по имени в этом магазине не включён"),
    ],
)
async def test_without_a_plan_it_says_who_can_switch_it_on_and_asks_nothing(
    stage: Stage, context: BrowserContext, typed: str, said: str
) -> None:
    page, frame = await stage.open(context, "search", height=92)
    await opened(page, purpose="order_processing", classes=ALL)
    await expect(frame.locator(".status")).to_have_text("Полностью: +7 912 345-67-89, name@shop.ru")
    await find(frame, typed)
    await expect(frame.locator(".status")).to_contain_text(said)
    await expect(frame.locator(".status")).to_contain_text("попросите оператора")
    await expect(frame.locator(".status")).to_have_attribute("data-kind", "error")
    assert stage.asked("search") == 0


async def test_what_the_policies_close_is_no_question_of_a_plan(stage: Stage, context: BrowserContext) -> None:
    await index_parts(stage, *PARTS)
    stage.sessions.role = "marketer"
    page, frame = await stage.open(context, "search", height=92)
    await opened(page, purpose="order_processing", classes=ALL)
    await find(frame, "Сокол")
    await expect(frame.locator(".status")).to_have_text("Вашей роли поиск по личным данным закрыт")
    assert stage.asked("search") == 0


async def test_too_little_is_not_asked_and_what_many_share_is_told(stage: Stage, context: BrowserContext) -> None:
    await index_parts(stage, *PARTS)
    for seed in range(21):
        await stage.store(phone=f"+7900{seed:03d}4567")
    page, frame = await stage.open(context, "search", height=92)
    await opened(page, purpose="order_processing", classes=ALL)
    for typed, said in (("Со", "Введите хотя бы три первые буквы"), ("456", "Введите номер телефона полностью")):
        await find(frame, typed)
        await expect(frame.locator(".status")).to_contain_text(said)
    assert stage.asked("search") == 0
    await find(frame, "4567")
    await expect(frame.locator(".status")).to_have_text("Показаны не все, уточните запрос. Показано: 20")


async def test_what_is_open_may_be_told_late(stage: Stage, context: BrowserContext) -> None:
    await index_parts(stage, *PARTS)
    told = asyncio.Event()

    async def late(route: Route) -> None:
        await told.wait()
        await route.continue_()

    await context.route("**/frames/api/ways", late)
    page, frame = await stage.open(context, "search", height=92)
    await opened(page, purpose="order_processing", classes=ALL)
    await find(frame, "Со")
    await expect(frame.locator("button")).to_have_attribute("aria-busy", "true")
    told.set()
    await expect(frame.locator(".status")).to_contain_text("Введите хотя бы три первые буквы")
    await expect(frame.locator(".status")).to_have_attribute("data-kind", "error")


async def test_a_spent_budget_is_told_plainly_in_both_languages(
    stage: Stage, context: BrowserContext, vault_database: Any
) -> None:
    await index_parts(stage, "phone")
    page, frame = await stage.open(context, "search", height=92)
    for locale, said in (
        ("ru", "Лимит поиска на этот час исчерпан"),
        ("en", "The search limit of this hour is reached"),
    ):
        await opened(page, purpose="order_processing", classes=ALL, locale=locale)
        await find(frame, "4567")
        await expect(frame.locator(".status")).to_contain_text({"ru": "Никого", "en": "Nobody"}[locale])
        rows(vault_database, "UPDATE budget_use SET used = 100000")
        await find(frame, "4567")
        await expect(frame.locator(".status")).to_contain_text(said)
        await expect(frame.locator(".status")).to_have_attribute("data-kind", "error")
        assert await last(page) == {"larets": 1, "type": "denied", "code": "budget_exceeded"}
        rows(vault_database, "DELETE FROM budget_use")


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
