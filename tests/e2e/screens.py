"""Pictures of every page and state of the frames: `python -m tests.e2e.screens DIR` beside a running instance.

Russian and English, desktop and phone. Look at them after a change of templates or styles.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Page, Route, expect

from scripts.local.browser import launch
from scripts.local.instance import load
from tests.e2e.desk import DESKTOP, PHONE, Desk, cell, form_frame, press, reveal_frame
from tests.support.instance import World, attached

Scene = Callable[[Page, World, str], Awaitable[None]]
SIZES: Final[dict[str, dict[str, Any]]] = {
    "desktop": {"viewport": DESKTOP},
    "phone": {"viewport": PHONE, "has_touch": True, "is_mobile": True},
}
LOCALES: Final = {"ru": "ru-RU", "en": "en-GB"}
PHONE_CELL: Final = {"ru": "Телефон", "en": "Phone"}


def at(origin: str, path: str) -> Scene:
    """Just the page. A star stands for the newest order, `@` for its contact, `%` for the person behind it."""

    async def scene(page: Page, world: World, _: str) -> None:
        order, contact, subject = newest(world)
        address = path.replace("*", order).replace("@", contact).replace("%", subject)
        await page.goto(getattr(world.instance, f"{origin}_origin") + address)
        await page.wait_for_load_state("networkidle")

    return scene


def newest(world: World) -> tuple[str, str, str]:
    statement = (
        "SELECT o.id, c.id, c.subject FROM orders o JOIN contact c ON c.id = o.contact_id ORDER BY placed_at DESC"
    )
    found = world.rows("public", statement)[0]
    return str(found[0]), str(found[1]), str(found[2])


CARD: Final = at("crm", "/orders/*")


async def masked(page: Page, world: World, language: str) -> None:
    await CARD(page, world, language)
    await expect(cell(reveal_frame(page), PHONE_CELL[language])).to_have_attribute("data-state", "mask")


async def menu(page: Page, world: World, language: str) -> None:
    await masked(page, world, language)
    await press(cell(reveal_frame(page), PHONE_CELL[language]))
    await expect(reveal_frame(page).locator(".menu")).to_have_attribute("aria-disabled", "false")


async def value(page: Page, world: World, language: str) -> None:
    await menu(page, world, language)
    await reveal_frame(page).get_by_role("menuitem").first.click()
    await expect(reveal_frame(page).locator("[data-state=value]")).to_have_count(1)


def dialog(name: str, address: str = "/orders/*") -> Scene:
    async def scene(page: Page, world: World, language: str) -> None:
        await at("crm", address)(page, world, language)
        await page.locator(f'[data-dialog="{name}"]').first.click()
        await expect(form_frame(page).locator("button.primary")).to_be_visible()

    return scene


async def wrong_field(page: Page, world: World, language: str) -> None:
    await at("crm", "/contacts/new")(page, world, language)
    frame = form_frame(page)
    await frame.locator("#field-name").fill("Вера")
    await frame.locator("#field-phone").fill("12345")
    await frame.locator("button.primary").click()
    await expect(frame.locator("#field-phone-error")).not_to_be_empty()


async def help_keys(page: Page, world: World, language: str) -> None:
    await at("crm", "/orders")(page, world, language)
    await page.keyboard.press("Shift+Slash")


async def refuse(route: Route) -> None:
    await route.abort()


async def no_frames(page: Page, world: World, language: str) -> None:
    await page.route("**/frames/**", refuse)
    await CARD(page, world, language)
    await expect(page.locator('[data-notice="away"]').first).to_be_visible(timeout=20_000)


async def no_answers(page: Page, world: World, language: str) -> None:
    await page.route("**/frames/api/**", refuse)
    await CARD(page, world, language)
    await expect(reveal_frame(page).locator("[data-state=away]").first).to_be_visible()


async def no_vault_session(page: Page, world: World, language: str) -> None:
    await page.context.clear_cookies(name="__Host-larets_vault")
    await CARD(page, world, language)
    await expect(page.locator('[data-notice="session"]').first).to_be_visible()


async def dark(page: Page, world: World, language: str) -> None:
    await page.goto(f"{world.instance.crm_origin}/preferences?theme=dark&next=/orders")
    await masked(page, world, language)


async def second_factor(page: Page, world: World, _: str) -> None:
    await page.goto(f"{world.instance.vault_origin}/identity/signin")
    await page.locator("#login").fill(world.member("sales").login)
    await page.locator("#password").fill(world.member("sales").password)
    await page.locator("#password").press("Enter")
    await page.wait_for_url("**/second-factor*")


async def verified(page: Page, world: World, language: str) -> None:
    await at("console", "/audit")(page, world, language)
    await page.locator("form button[type=submit], form[action*=verify] button").first.click()
    await page.wait_for_timeout(4_000)


async def found_nobody(page: Page, world: World, language: str) -> None:
    await at("console", "/person")(page, world, language)
    await page.locator("#query").fill("nobody@example.org")
    await page.locator("#query").press("Enter")
    await page.wait_for_load_state("networkidle")


# name → (who sits there, what they do)
SCENES: Final[dict[str, tuple[str | None, Scene]]] = {
    "crm-signin": (None, at("crm", "/signin")),
    "crm-signin-failed": (None, at("crm", "/signin/callback?code=x&state=y")),
    "crm-orders": ("sales", at("crm", "/orders")),
    "crm-orders-none": ("sales", at("crm", "/orders?q=none-such")),
    "crm-find": ("sales", dialog("find", "/orders")),
    "crm-help": ("sales", help_keys),
    "crm-order": ("sales", masked),
    "crm-order-menu": ("sales", menu),
    "crm-order-value": ("sales", value),
    "crm-order-dark": ("sales", dark),
    "crm-order-note": ("sales", dialog("note")),
    "crm-order-correct": ("sales", dialog("correct-contact")),
    "crm-order-marketer": ("marketer", CARD),
    "crm-order-warehouse": ("warehouse", CARD),
    "crm-order-frames-away": ("sales", no_frames),
    "crm-order-vault-silent": ("sales", no_answers),
    "crm-order-no-session": ("sales", no_vault_session),
    "crm-message-new": ("sales", at("crm", "/messages/new?order=*")),
    "crm-contacts": ("sales", at("crm", "/contacts")),
    "crm-contact": ("sales", at("crm", "/contacts/@")),
    "crm-contact-new": ("sales", at("crm", "/contacts/new")),
    "crm-contact-wrong": ("sales", wrong_field),
    "crm-shop": ("owner", at("crm", "/shop")),
    "crm-privacy": ("sales", at("crm", "/privacy")),
    "crm-not-found": ("sales", at("crm", "/orders/ord_none")),
    "vault-signin": (None, at("vault", "/identity/signin")),
    "vault-second-factor": (None, second_factor),
    "vault-sessions": ("sales", at("vault", "/identity/sessions")),
    "vault-signout": ("sales", at("vault", "/identity/signout")),
    "vault-signed-out": (None, at("vault", "/identity/signed-out")),
    "vault-bad-link": (None, at("vault", "/identity/invitation/none")),
    "console-overview": ("officer", at("console", "/")),
    "console-matrix": ("officer", at("console", "/matrix")),
    "console-matrix-role": ("officer", at("console", "/matrix?side=role&of=sales")),
    "console-audit": ("officer", at("console", "/audit")),
    "console-verified": ("officer", verified),
    "console-record": ("officer", at("console", "/audit/3")),
    "console-person": ("officer", at("console", "/person/%")),
    "console-nobody": ("officer", found_nobody),
    "console-alarms": ("officer", at("console", "/alarms")),
    "console-relay": ("officer", at("console", "/relay")),
    "console-relay-new": ("officer", at("console", "/relay/new")),
    "console-relay-new-api": ("marketer", at("console", "/relay/new?channel=api")),
    "console-relay-dispatches": ("officer", at("console", "/relay/dispatches")),
    "console-break-glass": ("sales", at("console", "/break-glass")),
    "console-closed": ("sales", at("console", "/")),
    "console-not-found": ("officer", at("console", "/audit/999999")),
}


async def shoot(desk: Desk, folder: Path, names: set[str]) -> None:
    for size, options in SIZES.items():
        for language, locale in LOCALES.items():
            for name, (role, scene) in SCENES.items():
                if names and name not in names:
                    continue
                page = await desk.page(role, locale=locale, **options)
                try:
                    await scene(page, desk.world, language)
                except Exception as error:  # noqa: BLE001  one broken scene does not spoil the others
                    sys.stderr.write(f"{name} {size} {language}: {type(error).__name__}: {error}\n")
                await page.screenshot(path=folder / f"{name}.{size}.{language}.png", full_page=True)
                await desk.clear()


async def sit_down(world: World, folder: Path, names: set[str]) -> None:
    async with launch() as browser:
        await shoot(Desk(world, browser, quick=True), folder, names)


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit("usage: python -m tests.e2e.screens DIR [SCENE …]")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with attached(load()) as world:
        asyncio.run(sit_down(world, folder, set(sys.argv[2:])))


if __name__ == "__main__":
    main()
