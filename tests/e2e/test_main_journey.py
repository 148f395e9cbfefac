"""The main job in a real browser: an order comes, sales looks at its phone for a purpose, nobody else learns it."""

import re
from typing import Final

import pytest
from playwright.async_api import Page, expect

from tests.e2e.desk import EAVESDROP, Desk, Wire, cell, press, reveal_frame, shown, sign_in, vault_frames
from tests.support.instance import World

PURPOSE: Final = "Обработка заказа"
# Whatever a script of the CRM's page could lay hands on, as one text.
EVERYTHING: Final = """() => {
  const frames = [...document.querySelectorAll("iframe")];
  const reach = (read) => { try { return String(read()); } catch (error) { return error.name; } };
  return JSON.stringify([
    document.documentElement.outerHTML, document.body.innerText, document.title, document.cookie,
    window.heard, { ...localStorage }, { ...sessionStorage }, history.state, window.name,
    performance.getEntries().map((entry) => JSON.stringify(entry)),
    frames.map((frame) => [
      reach(() => frame.contentDocument), reach(() => frame.contentWindow.document.body.innerText),
      reach(() => frame.contentWindow.location.href), reach(() => frame.contentWindow.getSelection()),
    ]),
  ]);
}"""


async def open_card(page: Page, world: World, number: int) -> None:
    await page.goto(f"{world.instance.crm_origin}/orders")
    await page.get_by_role("link", name=f"№ {number}").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(str(number))


async def test_sales_signs_in_and_reveals_the_phone_and_the_crm_learns_nothing(desk: Desk, world: World) -> None:
    number, who = world.send()
    world.card(number)
    page = await desk.new_page()
    await page.add_init_script(EAVESDROP)
    wire = Wire(page)
    await sign_in(page, world, "sales")
    await open_card(page, world, number)
    phone = cell(reveal_frame(page), "Телефон")
    await expect(phone).to_have_attribute("data-state", "mask")
    mask = await phone.locator(".text").inner_text()
    assert "*" in mask
    await press(phone, purpose=PURPOSE)
    assert await shown(phone) == who.phone

    secrets = {who.phone, who.phone[-10:], mask}
    everything = await page.evaluate(EVERYTHING)
    assert not {secret for secret in secrets if secret in everything}
    assert '"SecurityError"' in everything
    assert "ready" in everything  # the messages were heard: the test's own ear works
    await wire.settled()
    crm = wire.text_from(world.instance.crm_origin)
    assert str(number) in crm
    assert not {secret for secret in secrets if secret in crm}
    # The twin: the same look finds them where they do travel.
    vault = wire.text_from(f"{world.instance.vault_origin}/frames/api/")
    assert not {secret for secret in (who.phone, mask) if secret not in vault}


async def test_no_cookie_of_the_vault_ever_reaches_the_crm(desk: Desk, world: World) -> None:
    page = await desk.new_page()
    wire = Wire(page)
    await sign_in(page, world, "sales")
    await expect(reveal_frame(page).locator("[data-state=mask]").first).to_be_visible()
    await wire.settled()
    crm, vault = world.instance.crm_origin, world.instance.vault_origin
    sent = {name for _, headers, _ in wire.asked(crm) for name in _cookie_names(headers)}
    assert sent == {"__Host-larets_crm", "__Host-larets_signin"} & sent
    assert "__Host-larets_crm" in sent
    assert "__Host-larets_vault" in {name for _, headers, _ in wire.asked(f"{vault}/frames/api/") for name in
                                     _cookie_names(headers)}  # fmt: skip
    for origin, own in ((crm, "__Host-larets_crm"), (vault, "__Host-larets_vault")):
        stored = {str(cookie.get("name")) for cookie in await page.context.cookies(origin)}
        assert own in stored
        assert not stored & ({"__Host-larets_crm", "__Host-larets_vault"} - {own})


async def test_a_taken_crm_page_cannot_press_for_the_reader(desk: Desk, world: World) -> None:
    card, _ = world.arrive()
    page = await desk.page("sales")
    wire = Wire(page)
    await page.goto(f"{world.instance.crm_origin}/orders/{card['id']}")
    phone = cell(reveal_frame(page), "Телефон")
    await expect(phone).to_have_attribute("data-state", "mask")
    await page.evaluate(
        """async ([vault, token]) => {
          const frame = document.querySelector("iframe.reveal-frame");
          const target = frame.contentWindow;
          for (const type of ["pointerdown", "mousedown", "mouseup", "click"])
            frame.dispatchEvent(new MouseEvent(type, { bubbles: true, clientX: 5, clientY: 5, view: window }));
          frame.click();
          for (const type of ["reveal", "click", "press", "open"])
            target.postMessage({ larets: 1, type, purpose: "order_processing", items: [{ token }] }, vault);
          const body = JSON.stringify({ purpose: "order_processing", items: [{ token }] });
          for (const [mode, type] of [["no-cors", "text/plain"], ["cors", "application/json"]])
            await fetch(`${vault}/frames/api/reveal`,
              { method: "POST", mode, credentials: "include", headers: { "content-type": type }, body })
              .catch(() => {});
        }""",
        [world.instance.vault_origin, card["contact_tokens"]["phone"][0]],
    )
    await wire.settled()
    await expect(phone).to_have_attribute("data-state", "mask")
    answered = [body for url, _, body in wire.responses if url.endswith("/frames/api/reveal")]
    assert not [body for body in answered if b"value" in body]
    # The twin: the reader's own press does open it.
    await press(phone, purpose=PURPOSE)
    assert (await shown(phone)).startswith("+79")


async def test_marketer_sees_a_mask_that_cannot_be_opened(desk: Desk, world: World) -> None:
    card, who = world.arrive()
    page = await desk.page("marketer")
    wire = Wire(page)
    await page.goto(f"{world.instance.crm_origin}/orders/{card['id']}")
    phone = cell(reveal_frame(page), "Телефон")
    await expect(phone).to_have_attribute("data-state", "mask")
    assert "*" in await phone.locator(".text").inner_text()
    await phone.locator(".face").click(force=True)
    await page.wait_for_timeout(400)
    await wire.settled()
    assert not wire.asked(f"{world.instance.vault_origin}/frames/api/reveal")
    assert who.phone not in wire.text_from(world.instance.vault_origin)


async def test_warehouse_is_denied_the_phone_and_reads_the_address_for_delivery(desk: Desk, world: World) -> None:
    card, who = world.arrive()
    page = await desk.page("warehouse")
    wire = Wire(page)
    await page.goto(f"{world.instance.crm_origin}/orders/{card['id']}")
    frame = reveal_frame(page)
    await expect(cell(frame, "Телефон")).to_have_attribute("data-state", "denied")
    address = cell(frame, "Адрес")
    await expect(address).to_have_attribute("data-state", "hidden")
    await press(address)  # delivery is the only purpose that opens it: nothing to choose
    assert who.address_1 in await shown(address)
    await wire.settled()
    assert who.phone not in wire.text_from(world.instance.vault_origin)


async def test_the_officers_console_shows_all_three_looks_the_matrix_and_verifies_the_log(
    desk: Desk, world: World
) -> None:
    card, _ = world.arrive()
    token = card["contact_tokens"]["phone"][0]
    for role in ("sales", "marketer", "warehouse"):
        world.reveal(world.bearer(role), token)
        page = await desk.page(role)
        await page.goto(f"{world.instance.crm_origin}/orders/{card['id']}")
        await expect(cell(reveal_frame(page), "Телефон")).to_have_attribute("data-state", re.compile("mask|denied"))

    page = await desk.page("officer")
    console = world.instance.console_origin
    await page.goto(f"{console}/audit")
    rows = page.locator("table.records tbody tr")
    for alias, decision in (("Продавец 1", "Показано"), ("Маркетолог 1", "Маска"), ("Склад 1", "Отказано")):
        await expect(rows.filter(has_text=alias).filter(has_text=decision).first).to_be_visible()
    await page.get_by_role("button", name="Проверить").click()
    await expect(page.get_by_text("Журнал цел.")).to_be_visible(timeout=60_000)

    await page.goto(f"{console}/person")
    await page.locator("#query").fill(token)
    await page.get_by_role("button", name="Найти").click()
    for alias in ("Продавец 1", "Маркетолог 1"):
        await expect(page.locator("table.records tbody tr").filter(has_text=alias).first).to_be_visible()

    await page.goto(f"{console}/matrix?side=class&of=phone&action=reveal&purpose=order_processing")
    line = page.locator("table.matrix tbody tr")
    await expect(line.filter(has_text="Продавец").locator("td").first).to_have_class(re.compile("cell-allow"))
    await expect(line.filter(has_text="Склад").locator("td").first).to_have_class(re.compile("cell-deny"))


async def test_the_console_is_closed_to_sales(desk: Desk, world: World) -> None:
    page = await desk.page("sales")
    answer = await page.goto(f"{world.instance.console_origin}/audit")
    assert answer is not None
    assert answer.status == 403
    await expect(page.get_by_text("Консоль не для этой роли")).to_be_visible()


async def test_a_list_of_fifty_rows_is_one_frame_and_one_request(desk: Desk, world: World) -> None:
    numbers = [world.send()[0] for _ in range(50)]
    world.card(numbers[-1])
    page = await desk.page("sales")
    wire = Wire(page)
    await page.goto(f"{world.instance.crm_origin}/orders")
    await expect(reveal_frame(page).locator("[data-state=mask]")).to_have_count(100)
    assert await page.locator("tr[data-row]").count() == 50
    await wire.settled()
    vault = world.instance.vault_origin
    assert len(vault_frames(page, "reveal")) == 1
    assert len(wire.asked(f"{vault}/frames/reveal")) == 1
    assert len(wire.asked(f"{vault}/frames/api/")) == 1


def _cookie_names(headers: dict[str, str]) -> set[str]:
    return {part.split("=")[0].strip() for part in headers.get("cookie", "").split(";") if part.strip()}


@pytest.fixture(autouse=True)
def _world_is_whole(world: World) -> None:
    """Each test begins with all services ready."""
    for name in ("vault", "vault-worker", "app", "app-worker"):
        world.wait_ready(name)
