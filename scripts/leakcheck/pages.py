"""The usual work of a shop's staff, in a real browser, with persons typed into the vault's frames."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import pyotp
from playwright.async_api import Browser, BrowserContext, FrameLocator, Page, expect

from scripts.leakcheck.canaries import Canaries, Person
from scripts.leakcheck.messages import TITLES, Partner
from scripts.leakcheck.rig import Rig
from scripts.local.browser import launch

PATIENCE_MS: Final = 15_000
CODE_SECONDS: Final = 2  # a code that ends sooner is not typed


class Pages:
    """One browser; a context for each member of staff. `step` is told what is being done."""

    def __init__(
        self, rig: Rig, canaries: Canaries, *, known: Person, partner: Partner, step: Callable[[str], None]
    ) -> None:
        """`known`: a person whose order is in the CRM already. `partner` receives what is sent to persons."""
        self._rig = rig
        self._canaries = canaries
        self._known = known
        self._partner = partner
        self._step = step

    async def drive(self) -> None:
        async with launch() as browser:
            sales, officer = await self._context(browser), await self._context(browser)
            await asyncio.gather(self._sales(sales), self._officer(officer))

    async def _context(self, browser: Browser) -> BrowserContext:
        context = await browser.new_context(locale="ru-RU", viewport={"width": 1280, "height": 900})
        context.set_default_timeout(PATIENCE_MS)
        return context

    async def _sign_in(self, page: Page, role: str) -> None:
        member = self._rig.demo["staff"][role]
        person = self._canaries.person(f"sign-in as {role}")
        for login, password in ((person.email, person.phone), (person.name, person.text)):
            await page.fill("#login", login)
            await page.fill("#password", password)
            await page.click("form[action='/identity/signin'] button")
            await page.wait_for_selector(".alert, [role=alert]")
        await page.fill("#login", member["login"])
        await page.fill("#password", member["password"])
        await page.click("form[action='/identity/signin'] button")
        clock = pyotp.TOTP(member["totp"])
        if clock.interval - time.time() % clock.interval < CODE_SECONDS:
            await page.wait_for_timeout(CODE_SECONDS * 1000)
        await page.fill("#code", clock.now())
        await page.click("form[action='/identity/second-factor'] button")

    # -- sales ---------------------------------------------------------------------------------------------------
    async def _sales(self, context: BrowserContext) -> None:
        crm = self._rig.instance.crm_origin
        page = await context.new_page()
        self._step("signing in as sales")
        await page.goto(f"{crm}/orders")
        await page.click("a.btn-primary")
        await self._sign_in(page, "sales")
        await page.wait_for_url(f"{crm}/orders*")
        await self._list(page)
        await self._find(page)
        await self._card(page)
        await self._messages(page)
        await self._contacts(page)
        self._step("language, theme, sign-out")
        for change in ("lang=en", "theme=dark", "lang=ru", "theme=light"):
            await page.goto(f"{crm}/preferences?{change}&next=%2Forders")
        await page.goto(f"{crm}/privacy")
        await page.goto(f"{crm}/nowhere")
        await page.goto(f"{crm}/orders")
        await page.click("details.reader > summary")
        await page.click("form[action='/signout'] button")
        await context.close()

    async def _list(self, page: Page) -> None:
        self._step("orders: list, filters, paging")
        crm = self._rig.instance.crm_origin
        await page.wait_for_selector("[data-reveal][data-state=drawn]")
        await page.fill("#q", "5002")
        await page.wait_for_url("**q=5002*")
        await page.select_option("select[name=status]", index=1)
        await page.goto(f"{crm}/orders?period=week")
        more = page.locator("#more a")
        if await more.count():
            await more.click()
            await expect(page.locator("tbody[data-reveal]")).to_have_count(2)

    async def _find(self, page: Page) -> None:
        self._step("search frame: found and not found, by phone and by email")
        crm = self._rig.instance.crm_origin
        stranger = self._canaries.person("search frame, nobody")
        for value in (stranger.phone, stranger.email, stranger.name, self._known.phone, self._known.email):
            await page.goto(f"{crm}/orders")
            await page.click("[data-dialog=find]")
            frame = page.frame_locator("dialog#find iframe")
            await frame.locator("#query").fill(value)
            await frame.locator("button.primary").click()
            if value in (self._known.phone, self._known.email):
                await page.wait_for_url("**/orders?contact=*")
            else:
                await expect(frame.locator(".status")).to_have_attribute(
                    "data-kind", "error" if " " in value else "plain"
                )
                await page.wait_for_timeout(250)

    async def _card(self, page: Page) -> None:
        self._step("order card: values, a note, a correction, a status")
        await page.click("a.row-link >> nth=0")
        await page.wait_for_selector("[data-reveal][data-state=drawn]")
        await self._reveal(page)
        person = self._canaries.person("collect frame, note on an order")
        await page.click("[data-dialog=note]")
        await self._fill(page.frame_locator("dialog#note iframe"), {"text": person.text})
        await expect(page.locator("dialog#note")).to_be_hidden()
        await page.select_option("select[name=status]", "completed")
        await page.click("#order-status button[type=submit]")
        await page.wait_for_timeout(300)
        await page.reload()
        person = self._canaries.person("collect frame, correction on an order")
        await page.click("[data-dialog=correct-contact]")
        values = {"phone": person.phone, "email": person.email, "name": person.name, "address": person.address}
        await self._fill(page.frame_locator("dialog#correct-contact iframe"), values)
        await page.wait_for_selector("dialog#correct-contact:not([open])", state="attached")
        await page.wait_for_selector("[data-reveal][data-state=drawn]")

    async def _messages(self, page: Page) -> None:
        """From the card of an order: each approved template once, and its states until the partner's report."""
        self._step("messages: sent from the card, answered and reported by the partner")
        card = page.url
        for title in TITLES:
            await page.goto(card)
            await page.click("a[href^='/messages/new']")
            await page.locator("form", has_text=title).locator("button").dblclick()
            await page.wait_for_url(card)
        await self._listed(page, "отправлено")
        self._partner.require_received(len(TITLES))
        self._partner.report(self._rig.instance)
        await self._listed(page, "доставлено")

    async def _listed(self, page: Page, state: str) -> None:
        """Until every message on the card says so. Raises playwright's error after a while."""
        states = page.locator(".messages .status", has_text=state)
        for _ in range(PATIENCE_MS // 500):
            await page.reload()
            if await states.count() == len(TITLES):
                return
            await page.wait_for_timeout(500)
        await expect(states).to_have_count(len(TITLES))

    async def _reveal(self, page: Page) -> None:
        """A real press on each of the first cells, and on a purpose where the frame asks for one."""
        frame = page.frame_locator("iframe.reveal-frame >> nth=0")
        faces = frame.locator(".cell.openable .face[aria-disabled=false]")
        await faces.first.wait_for()
        for place in range(min(3, await frame.locator(".cell.openable .face").count())):
            face = frame.locator(".cell .face").nth(place)
            await expect(face).to_have_attribute("aria-disabled", "false")
            await face.click()
            choice = frame.locator(".menu[aria-disabled=false] [role=menuitem]:visible")
            value = frame.locator(".cell").nth(place).locator(".value")
            await frame.locator(".menu[aria-disabled=false] [role=menuitem]:visible, .value:visible").first.wait_for()
            if await choice.count():
                await choice.first.click()
            await expect(value).not_to_be_empty()

    async def _fill(self, frame: FrameLocator, values: dict[str, str]) -> None:
        """Type what the form asks for, and save."""
        await frame.locator("button.primary").wait_for()
        for class_id, value in values.items():
            field = frame.locator(f"#field-{class_id}")
            if await field.count():
                await field.fill(value)
        await frame.locator("button.primary").click()

    async def _contacts(self, page: Page) -> None:
        self._step("contacts: list, a new one, a note, a correction")
        crm = self._rig.instance.crm_origin
        await page.goto(f"{crm}/contacts")
        await page.wait_for_selector("[data-reveal][data-state=drawn]")
        await page.goto(f"{crm}/contacts/new")
        frame = page.frame_locator("iframe.form-frame")
        wrong = self._canaries.person("collect frame, refused values")
        await self._fill(frame, {"phone": wrong.email, "email": wrong.phone, "name": wrong.name})
        await expect(frame.locator(".status")).to_have_attribute("data-kind", "error")
        person = self._canaries.person("collect frame, new contact")
        values = {"name": person.name, "phone": person.phone, "email": person.email, "address": person.address}
        await self._fill(frame, values)
        await page.wait_for_url("**/contacts/cnt_*")
        await page.wait_for_selector("[data-reveal][data-state=drawn]")
        await self._reveal(page)
        await page.click("[data-dialog=note]")
        note = self._canaries.person("collect frame, note on a contact")
        await self._fill(page.frame_locator("dialog#note iframe"), {"text": note.text})
        await expect(page.locator("dialog#note")).to_be_hidden()

    # -- officer -------------------------------------------------------------------------------------------------
    async def _officer(self, context: BrowserContext) -> None:
        self._step("console as officer: matrix, log, verification, who looked")
        console = self._rig.instance.console_origin
        page = await context.new_page()
        await page.goto(f"{console}/")
        if await page.locator("#login").count() == 0:
            await page.click("a.btn-primary, button.btn-primary")
        await self._sign_in(page, "officer")
        await page.wait_for_url(f"{console}/*")
        for path in ("/matrix", "/audit", "/audit/1"):
            await page.goto(console + path)
        await page.goto(f"{console}/audit")
        await page.click("form[action='/audit/verify'] button")
        await page.wait_for_selector(".verdict:not([hidden])")
        stranger = self._canaries.person("console, nobody")
        for query in (stranger.phone, stranger.text, self._known.phone, self._known.email):
            await page.goto(f"{console}/person")
            await page.fill("#query", query)
            await page.click("form[action='/person'] button")
            await page.wait_for_load_state()
        await context.close()
