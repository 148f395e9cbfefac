"""Two members of staff in a real browser: one types a text, the other reads it and approves it, by keyboard."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from pii_vault.keys.memory import MemoryKeyService
from pii_vault.relay.destinations import add_destination
from pii_vault.relay.outside import Destination
from scripts.local.browser import launch
from tests.integration.pii_vault.console.conftest import ConsoleStage
from tests.integration.pii_vault.widgets.stage import listening, signed_in
from tests.support.postgres import Database

PHONE = {"width": 390, "height": 844}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def choose_kinds(page: Page) -> None:
    """The rows follow the text; a list is asked for where the kind has one."""
    text = page.get_by_role("textbox", name="Текст", exact=True)
    await text.fill("{{person.name}}, заказ в пути: {{given.track}} {{given.how}}.")
    track, how = (page.get_by_role("combobox", name=name, exact=True) for name in ("track", "how"))
    words, starts = (page.get_by_role("textbox", name=name) for name in ("Слова, по", "С чего ссылка"))
    await expect(page.locator(".parameter")).to_have_count(3)
    for hidden in (words, starts):
        await expect(hidden).to_have_count(0)
    await how.focus()
    for key in ("End", "ArrowUp", "Tab"):  # the list's last is a link, the one before it a choice
        await page.keyboard.press(key)
    await expect(words).to_be_focused()
    await page.keyboard.type("почтой\nкурьером")
    await track.select_option("ссылка")
    await starts.fill("https://www.post.example/t/")
    await text.fill("{{person.name}}, заказ в пути: {{given.how}}.")
    await expect(track).to_have_count(0)
    await text.fill("{{person.name}}, заказ в пути: {{given.how}}, {{given.track}}.")
    await expect(starts).to_have_value("https://www.post.example/t/")  # nothing typed is lost on the way


@pytest.mark.parametrize("width", [390, 1280])
async def test_a_text_is_proposed_and_approved_in_a_browser(
    stage: ConsoleStage, keys: MemoryKeyService, vault_database: Database, tmp_path: Path, width: int
) -> None:
    mail = Destination("mail", "smtp", "smtps://smtp.example.ru", "shop@example.ru")
    await add_destination(vault_database.owner_url, keys, mail, tenant="demo", local=True)
    stage.sessions.role = "marketer"
    async with listening("console", stage.console_app) as origin, launch() as browser:
        context = await signed_in(browser, audience="console", viewport=PHONE | {"width": width}, locale="ru-RU")
        page = await context.new_page()
        await page.goto(f"{origin}/relay")
        await page.get_by_role("link", name="Предложить шаблон").click()
        await page.get_by_label("Название").fill("Заказ отправлен")
        await page.get_by_label("Имя латиницей").fill("order-sent")
        await page.get_by_label("Для чего").select_option("Доставка")
        await page.get_by_label("Тема").fill("Заказ {{given.number}}")
        await page.get_by_role("textbox", name="Текст", exact=True).fill("{{person.nonsense}}, заказ в пути.")
        kind = page.get_by_role("combobox", name="number", exact=True)
        await kind.select_option("номер заказа")
        await page.get_by_role("button", name="Предложить").press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("такого класса данных нет")
        await page.screenshot(path=tmp_path / "refused.png", full_page=True)
        assert await page.evaluate(OVERFLOW) == 0
        await expect(kind).to_have_value("order_number")
        await choose_kinds(page)
        await page.screenshot(path=tmp_path / "kinds.png", full_page=True)
        assert await page.evaluate(OVERFLOW) == 0
        await page.get_by_role("button", name="Предложить").press("Enter")
        await expect(page.locator("h1")).to_have_text("Заказ отправлен")
        await expect(page.get_by_role("button", name="Утвердить")).to_have_count(0)

        stage.sessions.role = "officer"
        await page.reload()
        await expect(page.get_by_text("how — выбор из списка: почтой, курьером")).to_be_visible()
        await page.screenshot(path=tmp_path / "version.png", full_page=True)
        assert await page.evaluate(OVERFLOW) == 0
        await page.get_by_role("button", name="Утвердить этот текст").press("Enter")
        await expect(page.locator(".badge")).to_have_text("утверждён")
        for address in ("/relay", "/relay/dispatches"):
            await page.goto(origin + address)
            await page.screenshot(path=tmp_path / f"{address.rpartition('/')[2]}.png", full_page=True)
            assert await page.evaluate(OVERFLOW) == 0
