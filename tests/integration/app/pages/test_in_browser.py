"""The pages around the vault's frames, in a real browser: what staff see, and what the page never gets to see."""

import pytest
from playwright.async_api import Browser, Frame, FrameLocator, Page, expect

from app.signin import sessions
from pii_vault.classify.setting import switch
from pii_vault.operations.parts import SearchPlans
from pii_vault.operations.plan import switch as plan_part
from tests.integration.app.pages.stage import NOTE, Stage, reveal_frames
from tests.support.persons import person
from tests.support.vault import staff


async def opened(stage: Stage, page: Page, path: str) -> Frame:
    """Opens a page and waits until its frame has drawn."""
    await page.goto(stage.origin + path)
    await expect(page.locator("[data-state='drawn']").first).to_be_attached()
    frame = reveal_frames(page)[-1]
    await expect(frame.locator(".cell").first).not_to_have_attribute("data-state", "loading")
    return frame


async def press(frame: Frame, cell: int, purpose: str) -> None:
    """Presses a cell as a reader does, and names the purpose."""
    await expect(frame.locator(".face").nth(cell)).to_have_attribute("aria-disabled", "false")
    await frame.locator(".cell").nth(cell).click()
    menu = frame.locator(".menu")
    await expect(menu).to_have_attribute("aria-disabled", "false")
    await menu.get_by_role("menuitem", name=purpose).click()


HELD = "document.documentElement.outerHTML + JSON.stringify([{...localStorage}, {...sessionStorage}, location.href])"
INSIDE = "(() => { try { return document.querySelector('iframe').contentDocument } catch { return null } })()"


async def everything_the_page_holds(page: Page) -> str:
    return str(await page.evaluate(HELD))


def watch(page: Page) -> list[str]:
    """Collects refusals of the content policy and errors of scripts."""
    heard: list[str] = []
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("console", lambda said: heard.append(said.text) if "Content Security Policy" in said.text else None)
    return heard


async def test_fifty_rows_are_one_frame_and_one_request(stage: Stage, screen: Browser) -> None:
    for seed in range(51):
        await stage.order(seed)
    page = await stage.page(screen)
    heard = watch(page)
    frame = await opened(stage, page, "/orders")
    assert len(reveal_frames(page)) == 1
    assert await frame.locator(".cell").count() == 100
    assert stage.vault.asked("mask") == 1
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.wait_for_timeout(300)
    assert stage.vault.asked("mask") == 1  # another layout is no other question
    await page.get_by_role("link", name="Ещё", exact=True).click()
    await expect(page.locator("[data-row]")).to_have_count(51)
    await page.wait_for_timeout(500)
    assert (len(reveal_frames(page)), stage.vault.asked("mask")) == (2, 2)
    assert heard == []


async def test_a_value_opens_in_the_frame_and_nowhere_in_the_page(stage: Stage, screen: Browser) -> None:
    found = await stage.order(1)
    page = await stage.page(screen)
    frame = await opened(stage, page, f"/orders/{found}")
    await press(frame, 1, "Обработка заказа")
    await expect(frame.locator(".value").nth(1)).to_have_text(person(1).phone)
    held = await everything_the_page_holds(page)
    for value in (person(1).phone, person(1).phone[-10:], person(1).surname, person(1).email, "***"):
        assert value not in held
    assert await page.evaluate(INSIDE) is None
    assert all("vault" not in cookie["name"] for cookie in await page.context.cookies(stage.origin))


async def test_the_frame_leaves_the_rest_of_the_page_within_reach(stage: Stage, screen: Browser) -> None:
    """The frame lies over the whole card; only its cells take presses."""
    found = await stage.order(1, recipient=await stage.party(2), note_token=await stage.text())
    page = await stage.page(screen)
    await opened(stage, page, f"/orders/{found}")
    await page.get_by_role("button", name="Исправить").nth(1).click()
    await expect(page.locator("dialog[open] h2")).to_have_text("Исправить данные получателя")
    await page.keyboard.press("Escape")
    await page.get_by_role("link", name="Карточка контакта").first.click()
    await expect(page.locator("h1")).to_contain_text("Контакт №")


@pytest.mark.parametrize(("role", "shown"), [("marketer", "mask"), ("warehouse", "denied"), ("officer", "mask")])
async def test_roles_see_what_the_policies_say(stage: Stage, screen: Browser, role: str, shown: str) -> None:
    await stage.order(1)
    page = await stage.page(screen, role)
    frame = await opened(stage, page, "/orders")
    phone = frame.locator(".cell").nth(1)
    await expect(phone).to_have_attribute("data-state", shown)
    assert person(1).phone not in (await phone.text_content() or "")


async def test_a_person_is_found_without_the_page_learning_the_phone(stage: Stage, screen: Browser) -> None:
    await stage.order(1)
    await stage.order(2)
    page = await stage.page(screen)
    sent: list[str] = []
    page.on(
        "request",
        lambda made: sent.append(f"{made.url} {made.post_data}") if made.url.startswith(stage.origin) else None,
    )
    await page.goto(f"{stage.origin}/orders")
    await page.keyboard.press("f")
    form = page.frame_locator("#find iframe")
    await form.locator("input").fill(person(2).phone)
    await form.locator("button").click()
    await expect(page.locator(".chip")).to_contain_text("Заказы найденного человека")
    await expect(page.locator("[data-row]")).to_have_count(1)
    assert not [line for line in sent if person(2).phone[-10:] in line]


async def saved(page: Page, form: FrameLocator) -> None:
    """A browser drops a click on a frame that moved within the last half second, as one in a fresh dialog did."""
    await page.wait_for_timeout(600)
    await form.locator("button.primary").click()


async def test_a_note_goes_to_the_vault_and_its_token_into_the_history(stage: Stage, screen: Browser) -> None:
    found = await stage.order(1)
    page = await stage.page(screen)
    heard = watch(page)
    await opened(stage, page, f"/orders/{found}")
    await page.get_by_role("button", name="Добавить заметку").click()
    form = page.frame_locator("dialog[open] iframe")
    await form.locator("textarea").fill(NOTE)
    await form.locator("textarea").press("Escape")
    await expect(page.locator("dialog[open]")).to_have_count(0)
    await page.get_by_role("button", name="Добавить заметку").click()
    await expect(form.locator("textarea")).to_have_value(NOTE)  # what was typed outlives the dialog
    await saved(page, form)
    await expect(page.locator("#timeline [data-token^='tok_text_']")).to_have_count(1)
    assert NOTE not in await everything_the_page_holds(page)
    assert heard == []


async def test_what_the_crm_did_not_take_is_offered_again_without_typing(stage: Stage, screen: Browser) -> None:
    found = await stage.order(1)
    page = await stage.page(screen)
    await page.goto(f"{stage.origin}/orders/{found}")
    await page.route("**/notes", lambda route: route.abort())
    await page.get_by_role("button", name="Добавить заметку").click()
    form = page.frame_locator("dialog[open] iframe")
    await form.locator("textarea").fill(NOTE)
    await saved(page, form)
    notice = page.locator("dialog[open] [data-notice='unsaved']")
    await expect(notice).to_be_visible()
    await page.unroute("**/notes")
    await notice.get_by_role("button", name="Повторить").click()
    await expect(page.locator("#timeline [data-token^='tok_text_']")).to_have_count(1)
    assert stage.vault.asked("tokenise") == 1


async def test_a_session_that_ended_meanwhile_loses_nothing(stage: Stage, screen: Browser) -> None:
    await stage.order(1)
    page = await stage.page(screen)
    await page.goto(f"{stage.origin}/contacts/new")
    kept = await page.context.cookies()
    form = page.frame_locator("[data-collect] iframe")
    await form.locator("#field-name").fill(person(3).name)
    await page.context.clear_cookies(name=sessions.COOKIE)
    await saved(page, form)
    notice = page.locator("[data-notice='ended']")
    await expect(notice).to_be_visible()
    await expect(notice.get_by_role("link", name="Войти")).to_have_attribute("target", "_blank")
    await page.context.add_cookies([cookie for cookie in kept if cookie["name"] == sessions.COOKIE])  # type: ignore[misc]
    await notice.get_by_role("button", name="Повторить").click()
    await expect(page.locator("h1")).to_contain_text("Контакт №")
    assert stage.vault.asked("tokenise") == 1


async def test_the_vault_away_leaves_the_orders_and_comes_back_by_retry(stage: Stage, screen: Browser) -> None:
    await stage.order(1)
    page = await stage.page(screen)
    await page.route("**/frames/reveal", lambda route: route.abort())
    await page.goto(f"{stage.origin}/orders")
    notice = page.locator("#list [data-notice='away']")
    await expect(notice).to_be_visible()
    await expect(page.locator("[data-row]")).to_contain_text("№ 1001")
    await expect(page.locator(".cell-mask").first).to_be_visible()
    await page.unroute("**/frames/reveal")
    await notice.get_by_role("button", name="Повторить").click()
    await expect(page.locator("[data-state='drawn']")).to_be_attached()
    await expect(notice).to_be_hidden()


async def test_without_the_vaults_session_the_page_offers_the_way_to_sign_in(stage: Stage, screen: Browser) -> None:
    await stage.order(1)
    page = await stage.page(screen)
    stage.vault.sessions.role = None
    await page.goto(f"{stage.origin}/orders")
    link = page.locator("#list [data-notice='session'] a")
    await expect(link).to_be_visible()
    assert await link.get_attribute("href") == "/signin/start?next=/orders"


async def test_messages_from_elsewhere_change_nothing(stage: Stage, screen: Browser) -> None:
    await stage.order(1)
    page = await stage.page(screen)
    await opened(stage, page, "/orders")
    await page.evaluate(
        """() => { for (const type of ["session_needed", "unavailable", "found", "collected"])
             window.postMessage({larets: 1, type, subjects: [], tokens: {}}, location.origin) }"""
    )
    await page.wait_for_timeout(300)
    await expect(page.locator("#list [data-notice='session']")).to_be_hidden()
    await expect(page.locator("[data-state='drawn']")).to_be_attached()


async def test_the_list_by_keyboard(stage: Stage, screen: Browser) -> None:
    await stage.order(1)
    await stage.order(2)
    page = await stage.page(screen)
    await opened(stage, page, "/orders")
    await page.keyboard.press("/")
    await expect(page.locator("#q")).to_be_focused()
    await page.keyboard.type("1002")
    await expect(page.locator("[data-row]")).to_have_count(1)
    assert page.url.endswith("/orders?q=1002")
    await page.keyboard.press("Escape")
    await page.keyboard.press("?")
    await expect(page.locator("#help")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#help")).to_be_hidden()  # the browser closes it in its own time
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_have_text("Заказ № 1002")


async def test_filters_and_links_need_no_script(stage: Stage, screen: Browser) -> None:
    await stage.order(1, status="completed")
    await stage.order(2)
    page = await stage.page(screen, java_script_enabled=False)
    await page.goto(f"{stage.origin}/orders")
    await page.select_option("select[name=status]", "completed")
    await page.get_by_role("button", name="Показать").click()
    await expect(page.locator("[data-row]")).to_have_count(1)
    await page.get_by_role("link", name="№ 1001").click()
    await page.select_option("select[name=status]", "refunded")
    await page.get_by_role("button", name="Сменить").click()
    await expect(page.locator(".order-status .status")).to_contain_text("Возврат")


async def test_a_note_shows_its_words_and_the_frame_draws_the_tokens_in_it(stage: Stage, screen: Browser) -> None:
    """From the keyboard to the card: the officer let classified texts cross."""
    who = person(2)
    await switch(stage.vault.vault, staff("officer"), class_id="text", on=True, request_id="r")
    found = await stage.order(1)
    page = await stage.page(screen)
    heard = watch(page)
    await opened(stage, page, f"/orders/{found}")
    await page.get_by_role("button", name="Добавить заметку").click()
    form = page.frame_locator("#note iframe")
    await form.locator("textarea").fill(f"Просит перезвонить мужу, его зовут {who.given}, {who.phone}. Двор закрыт.")
    await form.get_by_role("button", name="Сохранить").click()
    note = page.locator("#timeline .mixed")
    await expect(note).to_contain_text("Двор закрыт.")
    await expect(note).to_contain_text("Размеченный текст")
    assert await note.locator(".cell-inline").count() == 2
    frame = reveal_frames(page)[-1]
    phone = frame.locator(".cell", has_text="Телефон")
    await expect(phone.last).to_contain_text("***")
    held = await everything_the_page_holds(page)
    for value in (who.phone, who.phone[-10:], who.given, "***"):
        assert value not in held
    cells = await frame.locator(".cell").count()
    await press(frame, cells - 1, "Обработка заказа")
    await expect(frame.locator(".value").nth(cells - 1)).to_have_text(who.phone)
    assert heard == []


async def test_by_default_the_same_note_is_one_token(stage: Stage, screen: Browser) -> None:
    found = await stage.order(1)
    page = await stage.page(screen)
    await opened(stage, page, f"/orders/{found}")
    await page.get_by_role("button", name="Добавить заметку").click()
    form = page.frame_locator("#note iframe")
    await form.locator("textarea").fill(f"Просит перезвонить мужу, {person(2).phone}. Двор закрыт.")
    await form.get_by_role("button", name="Сохранить").click()
    await expect(page.locator("#timeline .cell-text")).to_have_count(1)
    assert await page.locator(".mixed").count() == 0
    assert "Двор закрыт" not in await everything_the_page_holds(page)


@pytest.mark.parametrize("width", [1280, 390])
async def test_orders_are_found_by_what_the_buyer_remembers(stage: Stage, screen: Browser, width: int) -> None:
    """From the keyboard alone: f, four digits, Enter."""
    for class_id, kind in (("phone", "last4"), ("name", "prefix")):
        await plan_part(stage.vault.vault, "demo", class_id, kind, on=True)  # type: ignore[arg-type]
    stage.vault.vault.search_plans = SearchPlans(stage.vault.vault.pool)
    wanted = await stage.order(1)
    await stage.order(2)
    page = await stage.page(screen, viewport={"width": width, "height": 844})
    heard = watch(page)
    await opened(stage, page, "/orders")
    await page.keyboard.press("f")
    form = page.frame_locator("dialog#find iframe")
    field = form.locator("#query")
    await expect(field).to_be_focused()
    await expect(form.locator(".status")).to_contain_text("начало имени")
    await page.keyboard.type("@exam")
    await expect(form.locator(".status")).to_contain_text("Поиск по домену почты")
    await field.fill("")
    await page.keyboard.type(person(1).phone[-4:])
    await expect(form.locator(".status")).to_have_text("По четырём последним цифрам телефона")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/orders?contact=*")
    assert await page.locator("a.row-link").count() == 1
    assert wanted in str(await page.locator("a.row-link").first.get_attribute("href"))
    assert person(1).phone[-4:] not in page.url
    assert heard == []
