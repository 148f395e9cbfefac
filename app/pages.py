"""The CRM's pages, put together: one router per domain, then the few pages that belong to none."""

from typing import Final, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from app.contacts.pages import build_contact_pages
from app.errors import NotFound
from app.kit.assets import Assets, static_routes
from app.kit.i18n import Language
from app.kit.web import LANGUAGE_COOKIE, REMEMBER_CHOICE, THEME_COOKIE, Pages, local_path, page_route
from app.orders.pages import build_order_pages
from app.services import AppServices
from app.signin.pages import build_signin_pages

NOT_PAGES: Final = ("/api/", "/static/", "/healthz", "/readyz", "/metrics", "/openapi.json")


def build_pages(services: AppServices) -> list[APIRouter]:
    """Every page router, in the order in which they are to be included, after the API's: the last takes the rest."""
    pages = Pages(Assets(), vault_origin=services.settings.vault_origin)
    return [
        static_routes(pages.assets),
        build_signin_pages(services, pages),
        build_order_pages(services, pages),
        build_contact_pages(services, pages),
        _general_pages(services, pages),
        _unknown_pages(pages),
    ]


def _general_pages(services: AppServices, pages: Pages) -> APIRouter:
    router = APIRouter(include_in_schema=False, route_class=page_route(pages))

    @router.get("/")
    async def start(request: Request) -> Response:
        await services.signin.staff(request)
        return RedirectResponse("/orders", status_code=303)

    @router.get("/privacy")
    async def privacy(request: Request) -> Response:
        staff = await services.signin.staff(request)
        return pages.render(request, "privacy.html", staff=staff)

    @router.get("/preferences")
    def preferences(
        lang: Language | None = None,
        theme: Literal["light", "dark"] | None = None,
        next: str = "/",  # noqa: A002  the usual name in addresses
    ) -> Response:
        """Remembers a reader's language or theme and goes back."""
        answer = RedirectResponse(local_path(next), status_code=303)
        for name, value in ((LANGUAGE_COOKIE, lang), (THEME_COOKIE, theme)):
            if value is not None:
                answer.set_cookie(name, value, max_age=REMEMBER_CHOICE, httponly=True, samesite="lax")
        return answer

    return router


def _unknown_pages(pages: Pages) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/{path:path}")
    def unknown(request: Request, path: str) -> Response:
        """A page for readers; programs get the problem document."""
        if f"/{path}".startswith(NOT_PAGES) or "text/html" not in request.headers.get("accept", ""):
            raise NotFound
        return pages.error(request, NotFound())

    return router
