"""Pages: login and password, then the second factor. Top-level only, without a script."""

from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from pii_vault.errors import Unauthenticated
from pii_vault.identity.context import OpenIdentity
from pii_vault.identity.errors import IdentityError, SigninExpired, TooManyAttempts
from pii_vault.identity.forms import (
    ENTRY_COOKIE,
    PageRoute,
    address_of,
    clear_cookie,
    device_of,
    hash_work,
    next_path,
    page_policy,
    read_form,
    see_other,
    set_cookie,
    text,
    work,
)
from pii_vault.identity.keys import new_secret
from pii_vault.identity.record import NOBODY, record
from pii_vault.identity.sessions import VAULT_COOKIE, IssuerSessions
from pii_vault.identity.signin import (
    Refused,
    check_password,
    check_second_factor,
    count_password_try,
    forget_attempt,
    is_waiting,
)
from pii_vault.vault import Vault
from pii_vault.web import load_pages


class SigninPages:
    def __init__(self, vault: Vault, sessions: IssuerSessions) -> None:
        self._vault = vault
        self._sessions = sessions
        self._identity = sessions.identity
        self._policy = page_policy(sessions.identity.settings)

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False, route_class=PageRoute)
        router.add_api_route("/identity/signin", self.show, methods=["GET"])
        router.add_api_route("/identity/signin", self.password, methods=["POST"])
        router.add_api_route("/identity/second-factor", self.show_factor, methods=["GET"])
        router.add_api_route("/identity/second-factor", self.factor, methods=["POST"])
        return router

    async def show(self, request: Request, next: str = "", reauth: bool = False) -> Response:  # noqa: A002, FBT001, FBT002  names of the address
        if not reauth and await self._sessions.principal_from_cookie(request, audience="vault"):
            return see_other(next_path(next))
        issuer = await self._identity.open()
        return self._draw(request, issuer, goes_to=next, reauth=reauth)

    async def password(self, request: Request) -> Response:
        issuer = await self._identity.open()
        form = await read_form(request, issuer, cookie=ENTRY_COOKIE)
        goes_to, login = text(form, "next"), text(form, "login")
        try:
            counted = await work(count_password_try, issuer, login=login, address=address_of(request))
            _, attempt = await hash_work(issuer, check_password, counted, login=login, password=text(form, "password"))
        except TooManyAttempts as problem:
            await record(self._vault, NOBODY, "signin", "locked_out")
            return self._draw(request, issuer, goes_to=goes_to, problem=problem)
        except Refused as refused:
            await record(self._vault, refused.person, "signin", "deny")
            return self._draw(request, issuer, goes_to=goes_to, problem=_shown(refused))
        answer = see_other(f"/identity/second-factor?{_query(goes_to)}")
        set_cookie(answer, ENTRY_COOKIE, attempt)
        return answer

    async def show_factor(self, request: Request, next: str = "") -> Response:  # noqa: A002  the name of the address
        issuer = await self._identity.open()
        if not await work(is_waiting, issuer, request.cookies.get(ENTRY_COOKIE)):
            return see_other(f"/identity/signin?{_query(next)}")
        return self._draw_factor(request, issuer, goes_to=next)

    async def factor(self, request: Request) -> Response:
        issuer = await self._identity.open()
        form = await read_form(request, issuer, cookie=ENTRY_COOKIE)
        goes_to = text(form, "next")
        attempt = request.cookies.get(ENTRY_COOKIE)
        try:
            signed_in = await work(
                check_second_factor,
                issuer,
                attempt=attempt,
                code=text(form, "code"),
                address=address_of(request),
                device=device_of(request),
                old_cookie=request.cookies.get(VAULT_COOKIE),
            )
        except SigninExpired as problem:
            return self._draw(request, issuer, goes_to=goes_to, problem=problem)
        except TooManyAttempts as problem:
            await work(forget_attempt, issuer, attempt)
            await record(self._vault, NOBODY, "second_factor", "locked_out")
            return self._draw(request, issuer, goes_to=goes_to, problem=problem)
        except Refused as refused:
            await record(self._vault, refused.person, "second_factor", "deny")
            return self._draw_factor(request, issuer, goes_to=goes_to, problem=_shown(refused))
        answer = see_other(next_path(goes_to))
        set_cookie(answer, VAULT_COOKIE, signed_in.cookie)
        clear_cookie(answer, ENTRY_COOKIE)
        return answer

    def _draw(
        self,
        request: Request,
        issuer: OpenIdentity,
        *,
        goes_to: str,
        reauth: bool = False,
        problem: IdentityError | None = None,
    ) -> Response:
        entry = request.cookies.get(ENTRY_COOKIE) or new_secret()
        answer = load_pages().render(
            request,
            "identity/signin.html",
            status=problem.status_code if problem else 200,
            policy=self._policy,
            form_token=issuer.keys.form_token(entry),
            next=next_path(goes_to),
            reauth=reauth,
            problem=problem.code if problem else None,
            wait=problem.wait_seconds if isinstance(problem, TooManyAttempts) else 0,
        )
        if isinstance(problem, TooManyAttempts):
            answer.headers["Retry-After"] = str(problem.wait_seconds)
        set_cookie(answer, ENTRY_COOKIE, entry)
        return answer

    def _draw_factor(
        self,
        request: Request,
        issuer: OpenIdentity,
        *,
        goes_to: str,
        problem: IdentityError | None = None,
    ) -> Response:
        return load_pages().render(
            request,
            "identity/second_factor.html",
            status=problem.status_code if problem else 200,
            policy=self._policy,
            form_token=issuer.keys.form_token(request.cookies.get(ENTRY_COOKIE, "")),
            next=next_path(goes_to),
            problem=problem.code if problem else None,
        )


def _shown(refused: Refused) -> IdentityError:
    if isinstance(refused.error, IdentityError):
        return refused.error
    raise Unauthenticated from refused


def _query(goes_to: str) -> str:
    return urlencode({"next": next_path(goes_to)})
