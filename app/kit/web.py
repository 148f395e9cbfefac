"""Rendering of the CRM's pages: templates with the reader's language and theme, and what a page says once."""

from pathlib import Path
from typing import Any, Final, Literal, cast
from urllib.parse import quote

import jinja2
from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from app.kit.assets import Assets
from app.kit.i18n import Words, choose_language, words
from app.kit.staff import Staff
from app.kit.zones import DEFAULT_ZONE
from pii_vault.client import pieces_of

Theme = Literal["light", "dark"]
LANGUAGE_COOKIE: Final = "lang"
THEME_COOKIE: Final = "theme"
FLASH_COOKIE: Final = "flash"
REMEMBER_CHOICE: Final = 31_536_000
TEMPLATES: Final = Path(__file__).resolve().parents[1] / "templates"


def reader_words(request: Request, zone: str = DEFAULT_ZONE) -> Words:
    """The texts in the language of whoever makes this request, and times by the clock of their shop."""
    cookie = request.cookies.get(LANGUAGE_COOKIE)
    return words(choose_language(cookie, request.headers.get("accept-language", "")), zone)


def reader_theme(request: Request) -> Theme | None:
    """The theme the reader chose; None follows the system."""
    chosen = request.cookies.get(THEME_COOKIE)
    return cast("Theme", chosen) if chosen in {"light", "dark"} else None


def is_partial(request: Request) -> bool:
    """Whether htmx asks for a part of the page and not for the document."""
    return "hx-request" in request.headers


def local_path(text: str) -> str:
    """A path of the CRM itself; anything that could lead elsewhere becomes `/`."""
    inside = text.startswith("/") and not text.startswith("//") and "\\" not in text
    return text if inside and text.isprintable() and text.isascii() else "/"


class Pages:
    """Renders templates. Every template gets `t`, `theme`, `asset`, `vault_origin`, `here`, `flash`, `staff`."""

    def __init__(self, assets: Assets, *, vault_origin: str, templates: Path = TEMPLATES) -> None:
        self.assets = assets
        self._vault_origin = vault_origin
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(templates),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["pieces"] = pieces_of  # of a text with tokens in place

    def render(
        self,
        request: Request,
        name: str,
        *,
        staff: Staff | None = None,
        status: int = 200,
        **context: Any,
    ) -> HTMLResponse:
        t = reader_words(request, staff.zone if staff else DEFAULT_ZONE)
        flash = request.cookies.get(FLASH_COOKIE, "")
        html = self._environment.get_template(name).render(
            t=t,
            theme=reader_theme(request),
            asset=self.assets.url,
            missing_assets=self.assets.missing,
            vault_origin=self._vault_origin,
            here=address_of(request) if request.method == "GET" else "/",
            flash=flash if t.has(f"flash.{flash}") else None,
            staff=staff,
            **context,
        )
        answer = HTMLResponse(html, status_code=status, headers={"vary": "Cookie, Accept-Language, HX-Request"})
        if flash and not is_partial(request):
            answer.delete_cookie(FLASH_COOKIE)
        return answer


def address_of(request: Request) -> str:
    """Path and query of this request."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def see_other(request: Request, path: str, *, flash: str | None = None) -> Response:
    """Go to another page after a change; `flash` names the text of `flash.*` that it then shows once."""
    if is_partial(request):
        answer = Response(status_code=204, headers={"hx-redirect": path})
    else:
        answer = RedirectResponse(path, status_code=303)
    if flash is not None:
        answer.set_cookie(FLASH_COOKIE, flash, max_age=60, httponly=True, samesite="strict")
    return answer


def signin_address(request: Request) -> str:
    """The sign-in page, with the way back when the reader was about to read a page."""
    readable = request.method == "GET" and not is_partial(request) and request.url.path != "/"
    return f"/signin?next={quote(address_of(request))}" if readable else "/signin"
