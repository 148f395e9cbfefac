"""Readers differ: language, width of the screen, no mouse; and strangers' texts stay texts everywhere."""

from dataclasses import replace
from typing import Any, Final

import httpx
import pytest
from playwright.async_api import Page, expect

from scripts.local.shop import buyer, order
from tests.e2e.desk import PHONE, Desk, cell, press, reveal_frame, shown, tap
from tests.support.instance import World

MARKUP: Final = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>"


async def assert_not_hacked(page: Page) -> None:
    """No script of a stranger ran and none of their markup became an element, in the page or in its frames."""
    for frame in page.frames:
        assert await frame.evaluate("window.hacked === undefined && document.querySelector('img[src=x]') === null")


async def test_markup_in_every_text_of_an_order_is_drawn_as_text(desk: Desk, world: World) -> None:
    number = 660_001
    who = replace(buyer(number), first_name=MARKUP, last_name="Вера", address_1=f"ул. {MARKUP}", city=MARKUP)
    payload: dict[str, Any] = order(number, buyer=who, note=MARKUP)
    payload["payment_method_title"] = payload["order_key"] = MARKUP
    payload["line_items"][0] |= {"name": MARKUP, "sku": MARKUP}
    for entry in payload["meta_data"]:
        entry["value"] = MARKUP
    with httpx.Client(trust_env=False, timeout=15) as client:
        assert world.shop.send("order.created", payload, client=client).status_code == httpx.codes.OK
    card = world.card(number)
    page = await desk.page("sales")
    for address in ("/orders", f"/contacts/{card['contact_id']}", f"/orders/{card['id']}"):
        await page.goto(f"{world.instance.crm_origin}{address}")
        await expect(reveal_frame(page).locator("[data-state=mask]").first).to_be_visible()
        await assert_not_hacked(page)
    name = cell(reveal_frame(page), "Имя")
    await press(name, purpose="Обработка заказа")
    assert await shown(name) == f"Вера {MARKUP}"
    await assert_not_hacked(page)
    officer = await desk.page("officer")
    await officer.goto(f"{world.instance.console_origin}/person")
    await officer.locator("#query").fill(MARKUP)
    await officer.locator("#query").press("Enter")
    await expect(officer.get_by_role("alert")).to_be_visible()
    await assert_not_hacked(officer)


async def test_the_twin_markup_that_is_taken_for_markup_is_seen(desk: Desk) -> None:
    page = await desk.new_page()
    await page.set_content(MARKUP)
    with pytest.raises(AssertionError):
        await assert_not_hacked(page)


async def test_english_is_one_click_away_and_reaches_the_frames_and_the_console(desk: Desk, world: World) -> None:
    card, _ = world.arrive()
    page = await desk.page("owner")
    await page.goto(f"{world.instance.crm_origin}/orders/{card['id']}")
    await expect(cell(reveal_frame(page), "Телефон")).to_have_attribute("data-state", "mask")
    await page.locator("details.reader summary").click()
    await page.get_by_role("link", name="English").click()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    phone = cell(reveal_frame(page), "Phone")
    await expect(phone).to_have_attribute("data-state", "mask")
    await press(phone, purpose="Order processing")
    assert await shown(phone)
    await page.goto(f"{world.instance.console_origin}/matrix")
    await page.get_by_role("link", name="English").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Access matrix")


async def test_a_browser_that_speaks_english_is_answered_in_english(desk: Desk, world: World) -> None:
    page = await desk.new_page(locale="en-GB")
    await page.goto(f"{world.instance.crm_origin}/orders")
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await page.get_by_role("link", name="Sign in").first.click()
    await expect(page.get_by_text("Staff sign-in")).to_be_visible()


@pytest.mark.parametrize("language", ["ru-RU", "en-GB"])
async def test_no_page_is_wider_than_a_phone(desk: Desk, world: World, language: str) -> None:
    card, _ = world.arrive()
    page = await desk.page("owner", viewport=PHONE, locale=language, has_touch=True, is_mobile=True)
    crm, vault, console = (
        world.instance.crm_origin,
        world.instance.vault_origin,
        world.instance.console_origin,
    )
    wide = []
    for address in (
        f"{crm}/orders",
        f"{crm}/orders/{card['id']}",
        f"{crm}/contacts",
        f"{crm}/contacts/{card['contact_id']}",
        f"{crm}/contacts/new",
        f"{crm}/privacy",
        f"{vault}/identity/sessions",
        f"{vault}/identity/signout",
        f"{vault}/identity/signin?reauth=1",
        f"{console}/",
        f"{console}/matrix",
        f"{console}/audit",
        f"{console}/person",
    ):
        await page.goto(address)
        await page.wait_for_load_state("networkidle")
        width = await page.evaluate("document.documentElement.scrollWidth")
        if width > PHONE["width"]:
            wide.append((address, width))
    assert wide == []


async def test_on_a_phone_a_touch_reveals(desk: Desk, world: World) -> None:
    card, who = world.arrive()
    page = await desk.page("sales", viewport=PHONE, has_touch=True, is_mobile=True)
    await page.goto(f"{world.instance.crm_origin}/orders/{card['id']}")
    phone = cell(reveal_frame(page), "Телефон")
    await expect(phone.locator(".face")).to_have_attribute(
        "aria-disabled", "false", timeout=30_000
    )  # a tap waits for nothing
    menu = reveal_frame(page).locator(".menu")
    await tap(phone.locator(".face"), until=menu)
    await expect(menu).to_have_attribute("aria-disabled", "false")
    await tap(menu.get_by_role("menuitem", name="Обработка заказа"), until=phone.locator(".value"))
    assert await shown(phone) == who.phone


async def tab_to(page: Page, wanted: str, *, most: int = 80) -> None:
    """Press Tab until the focused element, in whatever frame, answers to this selector."""
    for _ in range(most):
        await page.keyboard.press("Tab")
        for frame in page.frames:
            if await frame.evaluate("(wanted) => document.activeElement?.matches(wanted) === true", wanted):
                return
    message = f"Tab never comes to {wanted}"
    raise AssertionError(message)


async def test_the_main_job_needs_no_mouse(desk: Desk, world: World) -> None:
    card, who = world.arrive()
    member = world.member("sales")
    page = await desk.new_page()
    keys = page.keyboard
    await page.goto(f"{world.instance.crm_origin}/orders")
    await tab_to(page, 'a[href^="/signin/start"]')
    await keys.press("Enter")
    await page.wait_for_url("**/identity/signin*")
    await expect(page.locator("#login")).to_be_focused()  # by itself
    await keys.type(member.login)
    await keys.press("Tab")
    await expect(page.locator("#password")).to_be_focused()
    await keys.type(member.password)
    await keys.press("Enter")
    await page.wait_for_url("**/identity/second-factor*")
    await expect(page.locator("#code")).to_be_focused()
    await expect(page.locator("#code")).to_be_focused()
    await keys.type(world.code(member.totp))
    await keys.press("Enter")
    await page.wait_for_url(f"{world.instance.crm_origin}/orders")
    await expect(reveal_frame(page).locator("[data-state=mask]").first).to_be_visible()
    await keys.press("j")
    await keys.press("Enter")
    await page.wait_for_url(f"**/orders/{card['id']}")  # the newest order stands first
    phone = cell(reveal_frame(page), "Телефон")
    await expect(phone.locator(".face")).to_have_attribute("aria-disabled", "false")
    await tab_to(page, "button.face")
    await tab_to(page, "button.face")  # the name comes first, then the phone
    await expect(phone.locator(".face")).to_be_focused()
    await keys.press("Enter")
    menu = reveal_frame(page).locator(".menu")
    await expect(menu).to_have_attribute("aria-disabled", "false")
    await keys.press("Enter")
    assert await shown(phone) == who.phone
    await keys.press("Escape")
    await expect(phone).to_have_attribute("data-state", "mask")
