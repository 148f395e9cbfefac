"""A desk of the shop: a browser that blocks third-party cookies, and the people who sit down at it."""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any, Final

from playwright.async_api import Browser, BrowserContext, Frame, FrameLocator, Locator, Page, Request, expect

from tests.support.instance import Member, World

DESKTOP: Final = {"width": 1280, "height": 860}
expect.set_options(timeout=20_000)  # a busy machine is no failure
PHONE: Final = {"width": 390, "height": 844}
TAPS: Final = 5
BLOCKED: Final = {
    "enableThirdPartyCookieRestriction": True,
    "disableThirdPartyCookieMetadata": True,
    "disableThirdPartyCookieHeuristics": True,
}
# Every message that a page of the CRM hears, kept where a test can read it.
EAVESDROP: Final = """
window.heard = [];
window.addEventListener("message", (event) => window.heard.push(JSON.stringify(event.data)), true);
"""


async def block_third_party_cookies(page: Page) -> None:
    """As browsers now do. test_browser.py proves that it is in force."""
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    await session.send("Network.setCookieControls", BLOCKED)


@dataclass
class Desk:
    """One browser; each role signs in at it once, for real, and its cookies serve later pages.

    `quick`: nobody types anything, the vault's session is given by its issuer.
    """

    world: World
    browser: Browser
    quick: bool = False
    _states: dict[str, Any] = field(default_factory=dict)
    _contexts: list[BrowserContext] = field(default_factory=list)

    async def page(self, role: str | None = None, **options: Any) -> Page:
        """A page of a fresh context, signed in as this role at both origins, or as nobody."""
        state = await self._state(role) if role else None
        return await self.new_page(storage_state=state, **options)

    async def new_page(self, **options: Any) -> Page:
        context = await self.browser.new_context(**({"locale": "ru-RU", "viewport": DESKTOP} | options))
        self._contexts.append(context)
        return await self.beside(context)

    async def beside(self, context: BrowserContext) -> Page:
        """One more page of the context."""
        page = await context.new_page()
        page.set_default_timeout(40_000)
        await block_third_party_cookies(page)
        return page

    async def clear(self) -> None:
        """Close what a test has opened."""
        for context in self._contexts:
            await context.close()
        self._contexts.clear()

    async def _state(self, role: str) -> Any:
        if role not in self._states:
            page = await self.new_page()
            if self.quick:
                await enter(page, self.world, role)
            else:
                await sign_in(page, self.world, role)
            self._states[role] = await page.context.storage_state()
        return self._states[role]


async def sign_in(page: Page, world: World, role: str) -> None:
    """Through the CRM's button, the vault's two pages and back."""
    await page.goto(f"{world.instance.crm_origin}/orders")
    await page.get_by_role("link", name=re.compile("Войти|Sign in")).first.click()
    await type_credentials(page, world, world.member(role))
    await page.wait_for_url(f"{world.instance.crm_origin}/orders")


async def enter(page: Page, world: World, role: str) -> None:
    """Signed in at both origins, without the vault's pages."""
    name, _, secret = world.cookie(world.member(role).id).partition("=")
    place: Any = {"domain": "vault.larets.localhost", "path": "/", "sameSite": "Strict"}
    await page.context.add_cookies([{"name": name, "value": secret, "secure": True, "httpOnly": True, **place}])  # type: ignore[typeddict-item]
    await page.goto(f"{world.instance.crm_origin}/signin/start?next=/orders")
    await page.wait_for_url(f"{world.instance.crm_origin}/orders")


async def type_credentials(page: Page, world: World, who: Member) -> None:
    await page.wait_for_url(f"{world.instance.vault_origin}/identity/signin*")
    await page.locator("#login").fill(who.login)
    await page.locator("#password").fill(who.password)
    await page.locator("#password").press("Enter")
    await page.wait_for_url(f"{world.instance.vault_origin}/identity/second-factor*")
    await page.locator("#code").fill(await asyncio.to_thread(world.code, who.totp))
    await page.locator("#code").press("Enter")


# -- the frames ------------------------------------------------------------------------------------------------------


def reveal_frame(page: Page) -> FrameLocator:
    return page.frame_locator("iframe.reveal-frame").first


def form_frame(page: Page) -> FrameLocator:
    """The search or collect frame of the dialog that is open, or of the page itself."""
    return page.frame_locator("iframe.form-frame:visible")


def vault_frames(page: Page, kind: str) -> list[Frame]:
    return [frame for frame in page.frames if frame.url.endswith(f"/frames/{kind}")]


def cell(frame: FrameLocator, label: str) -> Locator:
    """The first cell of this label: `Телефон`, say."""
    return frame.locator(".cell").filter(has=frame.locator(".unseen", has_text=label)).first


async def press(at: Locator, *, purpose: str | None = None) -> None:
    """A real press inside the frame; `purpose` is chosen in the menu that comes up."""
    await at.locator(".face").click()
    if purpose is not None:
        await at.page.frame_locator("iframe.reveal-frame").first.get_by_role("menuitem", name=purpose).click()


async def tap(at: Locator, *, until: Locator) -> None:
    """A touch, again where nothing came of it: a browser drops a tap on a frame that moved half a second ago."""
    for attempt in range(TAPS):
        await at.tap()
        try:
            await expect(until).to_be_visible(timeout=10_000)
        except AssertionError:
            if attempt == TAPS - 1:
                raise
        else:
            return


async def shown(at: Locator) -> str:
    """The value that this cell shows now."""
    await expect(at).to_have_attribute("data-state", "value")
    return await at.locator(".value").inner_text()


# -- the wire --------------------------------------------------------------------------------------------------------


@dataclass
class Wire:
    """All that one page asked for and got, by origin, its frames included."""

    page: Page
    requests: list[tuple[str, dict[str, str], str]] = field(default_factory=list)  # address, headers, body
    responses: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("requestfinished", self._finished)

    def _finished(self, request: Request) -> None:
        task = asyncio.ensure_future(self._take(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(self, request: Request) -> None:
        body = (request.post_data_buffer or b"").decode(errors="replace")
        self.requests.append((request.url, await request.all_headers(), body))
        response = await request.response()
        if response is None:
            return
        redirected = 300 <= response.status < 400
        content = b"" if redirected else await response.body()
        self.responses.append((request.url, await response.all_headers(), content))

    async def settled(self) -> "Wire":
        await self.page.wait_for_load_state("networkidle")
        while self._tasks:
            await asyncio.gather(*self._tasks)
        return self

    def asked(self, start: str) -> list[tuple[str, dict[str, str], str]]:
        return [entry for entry in self.requests if entry[0].startswith(start)]

    def text_from(self, origin: str) -> str:
        """Everything that came from this origin and everything that went to it: addresses, headers, bodies."""
        came = [f"{url} {headers} {body.decode(errors='replace')}" for url, headers, body in self.responses
                if url.startswith(origin)]  # fmt: skip
        went = [f"{url} {headers} {body}" for url, headers, body in self.requests if url.startswith(origin)]
        return "\n".join(came + went)
