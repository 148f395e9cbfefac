"""Sign-in as its reader sees it. Passwords are asked at the vault's address only; here is the way there and back."""

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from app.errors import AppError, IssuerUnavailable, Unauthenticated
from app.kit.web import Pages, local_path
from app.services import AppServices
from app.signin import flow, sessions

_FLOW_SECONDS: Final = int(flow.LIFE.total_seconds())


def build_signin_pages(services: AppServices, pages: Pages) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    _add_way_there(router, services, pages)
    _add_way_back(router, services, pages)
    return router


def _add_way_there(router: APIRouter, services: AppServices, pages: Pages) -> None:
    def draw(request: Request, back: str, *, problem: AppError | None = None) -> Response:
        status = problem.status_code if problem else 200
        code = problem.code if problem else None
        return pages.render(request, "signin/signin.html", status=status, next=back, problem=code)

    @router.get("/signin")
    async def signin(request: Request, next: str = "/") -> Response:  # noqa: A002  the usual name in addresses
        """The page with the one button. Who is signed in already goes on."""
        try:
            await services.signin.staff(request)
        except Unauthenticated:
            return draw(request, local_path(next))
        return RedirectResponse(local_path(next), status_code=303)

    @router.get("/signin/start")
    async def start(request: Request, next: str = "/") -> Response:  # noqa: A002
        """To the issuer; also the way to renew the vault's own session when a frame asks for it."""
        back = local_path(next)
        try:
            address, cookie = await services.signin.begin(back)
        except IssuerUnavailable as problem:
            return draw(request, back, problem=problem)
        answer = RedirectResponse(address, status_code=303)
        _set_cookie(answer, flow.COOKIE, cookie, seconds=_FLOW_SECONDS)
        return answer


def _add_way_back(router: APIRouter, services: AppServices, pages: Pages) -> None:
    @router.get("/signin/callback")
    async def callback(request: Request) -> Response:
        query = request.query_params
        try:
            done = await services.signin.complete(
                code=query.get("code"),
                state=query.get("state"),
                issuer=query.get("iss"),
                flow_cookie=request.cookies.get(flow.COOKIE),
            )
        except AppError as problem:
            return pages.render(
                request, "signin/signin.html", status=problem.status_code, next="/", problem=problem.code
            )
        answer = RedirectResponse(done.next, status_code=303)
        _set_cookie(answer, sessions.COOKIE, done.cookie, seconds=None)
        _set_cookie(answer, flow.COOKIE, "", seconds=0)
        return answer

    @router.post("/signout")
    async def signout(request: Request) -> Response:
        """Ends the session here, then at the issuer, which comes back to the sign-in page."""
        address = await services.signin.end(request, back_to=f"{services.settings.crm_origin}/signin")
        answer = RedirectResponse(address, status_code=303)
        _set_cookie(answer, sessions.COOKIE, "", seconds=0)
        return answer


def _set_cookie(answer: Response, name: str, value: str, *, seconds: int | None) -> None:
    answer.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="strict")
