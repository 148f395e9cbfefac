"""What staff type goes to the vault alone: search, new person, note, correction; and values cover themselves again."""

import re
from typing import Final

from playwright.async_api import Page, expect

from tests.e2e.desk import Desk, Wire, cell, form_frame, press, reveal_frame, shown
from tests.support.instance import World
from tests.support.persons import Person, person

PURPOSE: Final = "Обработка заказа"
NOTE: Final = "Просила позвонить дочери, код домофона 4471"


async def assert_unknown_to_the_crm(wire: Wire, world: World, *values: str) -> None:
    """None of these went to the CRM or came from it; each did travel between the browser and the vault."""
    await wire.settled()
    crm, vault = wire.text_from(world.instance.crm_origin), wire.text_from(world.instance.vault_origin)
    assert not [value for value in values if value in crm]
    assert not [value for value in values if value not in vault]


async def find(page: Page, text: str) -> None:
    await page.get_by_role("button", name="Найти").first.click()
    frame = form_frame(page)
    await frame.locator("#query").fill(text)
    await frame.locator("#query").press("Enter")


async def test_a_phone_typed_in_the_search_frame_finds_the_persons_orders(desk: Desk, world: World) -> None:
    card, who = world.arrive()
    world.arrive()
    page = await desk.page("sales")
    wire = Wire(page)
    await page.goto(f"{world.instance.crm_origin}/orders")
    await find(page, who.phone)
    await page.wait_for_url("**/orders?contact=*")
    await expect(page.locator("a.row-link")).to_have_text([f"№ {card['number']}"])
    await assert_unknown_to_the_crm(wire, world, who.phone)


async def test_an_email_finds_them_too_and_nobody_is_said_in_the_frame(desk: Desk, world: World) -> None:
    card, who = world.arrive()
    page = await desk.page("sales")
    await page.goto(f"{world.instance.crm_origin}/orders")
    await find(page, "nobody@example.org")
    await expect(form_frame(page).get_by_role("status")).to_have_text("Никого не нашлось")
    await form_frame(page).locator("#query").fill(who.email.upper())
    await form_frame(page).locator("#query").press("Enter")
    await page.wait_for_url("**/orders?contact=*")
    await expect(page.locator("a.row-link")).to_have_text([f"№ {card['number']}"])


async def test_warehouse_has_no_search(desk: Desk, world: World) -> None:
    page = await desk.page("warehouse")
    await page.goto(f"{world.instance.crm_origin}/orders")
    await expect(page.locator("#filters")).to_be_visible()
    assert await page.locator('[data-dialog="find"]').count() == 0


async def add_person(page: Page, world: World, who: Person) -> None:
    await page.goto(f"{world.instance.crm_origin}/contacts/new")
    frame = form_frame(page)
    for class_id, value in (("name", who.name), ("phone", who.phone), ("email", who.email)):
        await frame.locator(f"#field-{class_id}").fill(value)
    await frame.locator("button.primary").click()


async def test_a_person_typed_by_hand_becomes_a_card(desk: Desk, world: World) -> None:
    who = person(90_001)
    page = await desk.page("sales")
    wire = Wire(page)
    await add_person(page, world, who)
    await page.wait_for_url(re.compile(r"/contacts/cnt_"))
    name = cell(reveal_frame(page), "Имя")
    await press(name, purpose=PURPOSE)
    assert await shown(name) == who.name
    await assert_unknown_to_the_crm(wire, world, who.name, who.phone, who.email)


async def test_a_wrong_number_is_marked_and_stays_where_it_was_typed(desk: Desk, world: World) -> None:
    page = await desk.page("sales")
    await page.goto(f"{world.instance.crm_origin}/contacts/new")
    frame = form_frame(page)
    await frame.locator("#field-name").fill("Вера")
    await frame.locator("#field-phone").fill("12345")
    await frame.locator("button.primary").click()
    await expect(frame.locator("#field-phone-error")).to_contain_text("Такого номера нет")
    await expect(frame.locator("#field-phone")).to_have_value("12345")
    assert page.url.endswith("/contacts/new")


async def test_a_note_is_one_token_that_the_history_shows(desk: Desk, world: World) -> None:
    card, _ = world.arrive()
    page = await desk.page("sales")
    wire = Wire(page)
    await page.goto(f"{world.instance.crm_origin}/orders/{card['id']}")
    await page.locator('[data-dialog="note"]').click()
    frame = form_frame(page)
    await frame.locator("textarea").fill(NOTE)
    await frame.locator("button.primary").click()
    await expect(page.locator("#timeline [data-token]")).to_have_count(1)
    note = reveal_frame(page).locator(".cell").last
    await expect(note).to_have_attribute("data-state", re.compile("mask|hidden"))
    await press(note, purpose=PURPOSE)
    assert await shown(note) == NOTE
    await assert_unknown_to_the_crm(wire, world, NOTE, "4471")


async def test_a_corrected_phone_takes_the_place_of_the_old_one(desk: Desk, world: World) -> None:
    card, who = world.arrive()
    new_phone = person(90_002).phone
    page = await desk.page("sales")
    wire = Wire(page)
    await page.goto(f"{world.instance.crm_origin}/orders/{card['id']}")
    await page.locator('[data-dialog="correct-contact"]').click()
    frame = form_frame(page)
    await frame.locator("#field-phone").fill(new_phone)
    async with page.expect_navigation():
        await frame.locator("button.primary").click()
    await page.goto(f"{world.instance.crm_origin}/contacts/{card['contact_id']}")
    phone = cell(reveal_frame(page), "Телефон")
    await press(phone, purpose=PURPOSE)
    assert await shown(phone) == new_phone
    assert new_phone != who.phone
    await assert_unknown_to_the_crm(wire, world, new_phone)


async def test_a_value_covers_itself_again_after_a_minute(desk: Desk, world: World) -> None:
    card, who = world.arrive()
    page = await desk.page("sales")
    await page.clock.install()
    await page.goto(f"{world.instance.crm_origin}/orders/{card['id']}")
    phone = cell(reveal_frame(page), "Телефон")
    await expect(phone).to_have_attribute("data-state", "mask")
    await page.clock.run_for(1_000)
    await press(phone)
    menu = reveal_frame(page).get_by_role("menuitem", name=PURPOSE)
    await page.clock.run_for(1_000)
    await menu.click()
    assert await shown(phone) == who.phone
    await page.clock.run_for(55_000)
    await expect(phone).to_have_attribute("data-state", "value")
    await page.clock.run_for(6_000)
    await expect(phone).to_have_attribute("data-state", "mask")
    assert who.phone not in await phone.inner_html()
