"""The reveal frame in a real browser, under a page of another origin."""

from datetime import timedelta
from typing import Any

from playwright.async_api import BrowserContext, Frame, Page, expect

from tests.integration.pii_vault.widgets.stage import Stage
from tests.support.persons import person
from tests.support.vault import staff

ANNA = person(7)
SCRIPT_NAME = "<img src=x onerror=window.hacked=1><b>Вера</b>"


def cells(stage: Stage, *classes: str) -> list[dict[str, Any]]:
    return [
        {"id": class_id, "token": stage.tokens[class_id], "x": 0, "y": 40 * at, "w": 300, "h": 28}
        for at, class_id in enumerate(classes)
    ]


async def show(page: Page, drawn: list[dict[str, Any]], *, purpose: str = "order_processing") -> None:
    message = {"type": "show", "purpose": purpose, "locale": "ru", "theme": "light", "cells": drawn}
    await page.evaluate("(message) => send(message)", message)


async def press(frame: Frame, at: int = 0, *, purpose: str | None = "Обработка заказа") -> None:
    await frame.locator(".cell .face").nth(at).click()
    if purpose is not None:
        await frame.get_by_role("menuitem", name=purpose).click()


async def received(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await page.evaluate("received")
    return found


async def test_sales_sees_masks_at_once_and_the_value_after_a_press_for_a_purpose(
    stage: Stage, context: BrowserContext
) -> None:
    await stage.store(name=ANNA.name, phone=ANNA.phone)
    page, frame = await stage.open(context, "reveal")
    await show(page, cells(stage, "name", "phone"))
    await expect(frame.locator("[data-state=mask]")).to_have_count(2)
    assert ANNA.phone not in await frame.content()
    await press(frame, 1)
    await expect(frame.locator("[data-state=value] .value")).to_have_text(ANNA.phone)
    # The choice of purpose lasts: the second press asks nothing.
    await press(frame, 0, purpose=None)
    await expect(frame.locator(".value").first).to_have_text(ANNA.name)
    assert (stage.asked("mask"), stage.asked("reveal")) == (1, 2)


async def test_page_cannot_read_the_frame_and_hears_of_no_value(stage: Stage, context: BrowserContext) -> None:
    await stage.store(phone=ANNA.phone)
    page, frame = await stage.open(context, "reveal")
    await show(page, cells(stage, "phone"))
    await press(frame)
    await expect(frame.locator(".value")).to_have_text(ANNA.phone)
    assert await page.evaluate("document.querySelector('iframe').contentDocument") is None
    blocked = await page.evaluate(
        "(() => { try { return frames[0].document.body.textContent } catch (e) { return e.name } })()"
    )
    assert blocked == "SecurityError"
    opened, closed = ({"larets": 1, "type": "menu", "open": is_open} for is_open in (True, False))
    assert await received(page) == [{"larets": 1, "type": "ready"}, opened, closed]
    assert ANNA.phone not in await page.content()


async def test_page_cannot_call_the_frames_api_with_the_readers_cookie(stage: Stage, context: BrowserContext) -> None:
    await stage.store(phone=ANNA.phone)
    page, _ = await stage.open(context, "reveal")
    call = """async ([url, token, mode, type]) => {
      try {
        const answer = await fetch(url, {method: "POST", credentials: "include", mode, headers: {"content-type": type},
          body: JSON.stringify({purpose: "order_processing", items: [{token}]})});
        return answer.type + await answer.text();
      } catch (error) { return error.name }
    }"""
    url, token = f"{stage.vault_origin}/frames/api/reveal", stage.tokens["phone"]
    assert await page.evaluate(call, [url, token, "cors", "application/json"]) == "TypeError"
    assert await page.evaluate(call, [url, token, "no-cors", "text/plain"]) == "TypeError"
    assert stage.asked("reveal") == 0


async def test_fifty_rows_are_one_request(stage: Stage, context: BrowserContext) -> None:
    await stage.store(name=ANNA.name, phone=ANNA.phone)
    page, frame = await stage.open(context, "reveal", height=1300)
    rows: list[dict[str, Any]] = [
        {"id": f"{row}-{class_id}", "token": stage.tokens[class_id], "x": x, "y": 24 * row, "w": 200, "h": 22}
        for row in range(50)
        for class_id, x in (("name", 0), ("phone", 220))
    ]
    await show(page, rows)
    await expect(frame.locator("[data-state=mask]")).to_have_count(100)
    moved = [{**row, "x": row["x"] + 5} for row in rows]
    await show(page, moved)
    assert stage.asked("mask") == 1


async def test_marketer_sees_a_mask_and_nothing_to_press(stage: Stage, context: BrowserContext) -> None:
    await stage.store(phone=ANNA.phone)
    stage.sessions.role = "marketer"
    page, frame = await stage.open(context, "reveal")
    await show(page, cells(stage, "phone"))
    await expect(frame.locator("[data-state=mask] .text")).to_contain_text("*")
    await frame.locator(".face").click(force=True)
    await page.wait_for_timeout(200)
    assert stage.asked("reveal") == 0


async def test_warehouse_is_denied_the_phone_but_may_open_the_name_for_delivery(
    stage: Stage, context: BrowserContext
) -> None:
    await stage.store(name=ANNA.name, phone=ANNA.phone)
    stage.sessions.role = "warehouse"
    page, frame = await stage.open(context, "reveal")
    await show(page, cells(stage, "name", "phone"))
    await expect(frame.locator("[data-state=denied]")).to_have_count(1)
    await press(frame, 0, purpose=None)
    await expect(frame.locator(".value").first).to_have_text(ANNA.name)


async def test_old_second_factor_is_explained_and_the_mask_stays(stage: Stage, context: BrowserContext) -> None:
    await stage.store(phone=ANNA.phone)
    stage.sessions.principal = staff("sales", second_factor_age=timedelta(hours=13))
    page, frame = await stage.open(context, "reveal")
    await show(page, cells(stage, "phone"))
    await press(frame)
    await expect(frame.locator(".notice")).to_have_text("Войдите заново: второй фактор устарел")
    await expect(frame.locator("[data-state=mask]")).to_have_count(1)


async def test_script_in_a_name_is_text(stage: Stage, context: BrowserContext) -> None:
    await stage.store(name=SCRIPT_NAME)
    page, frame = await stage.open(context, "reveal")
    await show(page, cells(stage, "name"))
    await press(frame)
    await expect(frame.locator(".value")).to_have_text(SCRIPT_NAME)
    assert await frame.evaluate("[document.images.length, document.querySelectorAll('b').length, window.hacked]") == [
        0,
        0,
        None,
    ]


async def test_html_sinks_throw_in_a_frame(stage: Stage, context: BrowserContext) -> None:
    _, frame = await stage.open(context, "reveal")
    sink = "(() => { try { document.body.innerHTML = '<i>'; return 'drawn' } catch (e) { return e.name } })()"
    assert await frame.evaluate(sink) == "TypeError"


async def test_forged_press_reveals_nothing(stage: Stage, context: BrowserContext) -> None:
    await stage.store(phone=ANNA.phone)
    page, frame = await stage.open(context, "reveal")
    await show(page, cells(stage, "phone"))
    await expect(frame.locator(".face[aria-disabled=false]")).to_have_count(1)
    await frame.evaluate("document.querySelector('.face').click()")
    await page.wait_for_timeout(200)
    assert await frame.locator(".menu").count() == 0
    assert stage.asked("reveal") == 0


async def test_press_through_a_cover_reveals_nothing_and_says_why(stage: Stage, context: BrowserContext) -> None:
    await stage.store(phone=ANNA.phone)
    page, frame = await stage.open(context, "reveal")
    await show(page, cells(stage, "phone"))
    await expect(frame.locator(".face[aria-disabled=false]")).to_have_count(1)
    await page.evaluate(
        """() => { const cover = document.createElement("div");
        cover.style.cssText = "position:fixed;inset:0;background:red;pointer-events:none";
        document.body.append(cover); }"""
    )
    await expect(frame.locator(".face[aria-disabled=true]")).to_have_count(1)
    await page.mouse.click(40, 30)
    await expect(frame.locator(".notice")).to_have_text("Что-то закрывает поле")
    assert stage.asked("reveal") == 0


async def test_value_is_masked_again_after_a_minute_and_on_escape(stage: Stage, context: BrowserContext) -> None:
    await stage.store(phone=ANNA.phone)
    page, frame = await stage.open(context, "reveal")
    await page.clock.install()
    await show(page, cells(stage, "phone"))
    await page.clock.run_for(1000)
    await press(frame)
    await expect(frame.locator(".value")).to_have_text(ANNA.phone)
    await page.clock.run_for(61_000)
    await expect(frame.locator("[data-state=mask]")).to_have_count(1)
    assert ANNA.phone not in await frame.content()


async def test_value_is_masked_again_when_the_tab_is_hidden(stage: Stage, context: BrowserContext) -> None:
    await stage.store(phone=ANNA.phone)
    page, frame = await stage.open(context, "reveal")
    await show(page, cells(stage, "phone"))
    await press(frame)
    await expect(frame.locator(".value")).to_have_text(ANNA.phone)
    await frame.evaluate(
        """() => { Object.defineProperty(document, "hidden", {get: () => true});
        document.dispatchEvent(new Event("visibilitychange")); }"""
    )
    await expect(frame.locator("[data-state=mask]")).to_have_count(1)
    assert await frame.locator(".value").text_content() == ""


async def test_no_session_draws_grey_and_asks_for_a_sign_in(stage: Stage, context: BrowserContext) -> None:
    await stage.store(phone=ANNA.phone)
    stage.sessions.role = None
    page, frame = await stage.open(context, "reveal")
    await show(page, cells(stage, "phone"))
    await expect(frame.locator("[data-state=session] .text")).to_have_text("Войти")
    await frame.locator(".face").click()
    asked = [message["type"] for message in await received(page)]
    assert asked == ["ready", "session_needed", "session_needed"]


async def test_erased_and_unknown_tokens_have_signs_of_their_own(stage: Stage, context: BrowserContext) -> None:
    await stage.store(phone=ANNA.phone)
    stranger = stage.tokens["phone"].replace("phone", "email")
    page, frame = await stage.open(context, "reveal")
    await show(page, [{"id": "1", "token": stranger, "x": 0, "y": 0, "w": 200, "h": 24}])
    await expect(frame.locator("[data-state=unknown]")).to_have_text("Эл. почта: Не найдено")


async def test_cells_of_a_clipped_frame_can_be_pressed(stage: Stage, context: BrowserContext) -> None:
    await stage.store(phone=ANNA.phone)
    page, frame = await stage.open(context, "reveal")
    clip = "document.querySelector('iframe').style.clipPath = 'path(\"M0 0h300v28h-300z\")'"
    await page.evaluate(clip)
    await show(page, cells(stage, "phone"))
    await expect(frame.locator(".face[aria-disabled=false]")).to_have_count(1)


async def test_messages_from_elsewhere_are_ignored(stage: Stage, context: BrowserContext) -> None:
    await stage.store(phone=ANNA.phone)
    page, frame = await stage.open(context, "reveal")
    drawn = cells(stage, "phone")
    for message in (
        {"larets": 2, "type": "show", "purpose": "order_processing", "cells": drawn},
        {"larets": 1, "type": "constructor"},
        {"larets": 1, "type": "show", "purpose": "order_processing", "cells": "all"},
    ):
        await page.evaluate("(message) => frames[0].postMessage(message, '*')", message)
    own = {"larets": 1, "type": "show", "purpose": "order_processing", "cells": drawn}
    await frame.evaluate("(message) => window.postMessage(message, '*')", own)
    await page.wait_for_timeout(200)
    assert await frame.locator(".cell").count() == 0
    assert stage.asked("mask") == 0
