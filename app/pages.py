"""The CRM's pages, put together: one router per domain, then the few pages that belong to none."""

from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.types import ASGIApp

from app.contacts.pages import build_contact_pages
from app.kit.assets import load_assets, static_routes
from app.kit.i18n import Language
from app.kit.problem_pages import ProblemPages
from app.kit.web import LANGUAGE_COOKIE, REMEMBER_CHOICE, THEME_COOKIE, Pages, local_path
from app.messages.pages import build_message_pages
from app.orders.pages import build_order_pages
from app.services import AppServices
from app.signin.pages import build_signin_pages
from app.tenants.pages import build_tenant_pages


def build_pages(services: AppServices) -> list[APIRouter]:
    """Every page router."""
    pages = _pages(services)
    return [
        static_routes(pages.assets),
        build_signin_pages(services, pages),
        build_order_pages(services, pages),
        build_contact_pages(services, pages),
        build_message_pages(services, pages),
        build_tenant_pages(services, pages),
        _general_pages(services, pages),
    ]


def with_problem_pages(app: ASGIApp, services: AppServices) -> ASGIApp:
    """The browser's application, whose problems readers get as pages. Wrap the edge guard too."""
    return ProblemPages(app, _pages(services))


def _pages(services: AppServices) -> Pages:
    return Pages(load_assets(), vault_origin=services.settings.vault_origin)


def _general_pages(services: AppServices, pages: Pages) -> APIRouter:
    router = APIRouter(include_in_schema=False)

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
