"""What the issuer's pages share: reading a form that must be our own, cookies, where to go next, the error page."""

import hmac
import logging
import re
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from sqlalchemy.exc import DBAPIError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from pii_vault.config import VaultSettings
from pii_vault.errors import BodyTooLarge, CrossSite, InvalidRequest, StoreUnavailable, VaultError
from pii_vault.identity.context import OpenIdentity
from pii_vault.identity.errors import PasswordChecksBusy
from pii_vault.identity.sessions import DATABASE_GONE
from pii_vault.identity.signin import Try, take_back_try
from pii_vault.web import content_policy, load_pages

logger = logging.getLogger(__name__)

ENTRY_COOKIE: Final = "__Host-larets_entry"  # binds a sign-in under way to one browser
HOME: Final = "/identity/sessions"
_NEXT: Final = ("/identity/authorize", "/identity/handover", "/identity/sessions", "/identity/signout")
_PLAIN: Final = re.compile(r"[!\"$-\[\]-~]+")  # printable ASCII without blank, `#` and `\\`
_MAX_NEXT: Final = 4096
_MAX_FORM: Final = 16 * 1024
_BROWSERS: Final = (
    ("YaBrowser", "Yandex Browser"),
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
T = TypeVar("T")


async def work(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Synchronous work in the thread pool. Raises StoreUnavailable when the database is away."""
    with _database():
        return await run_in_threadpool(function, *args, **kwargs)


async def hash_work(issuer: OpenIdentity, function: Callable[..., T], counted: Try, *args: Any, **kwargs: Any) -> T:
    """Work that hashes a password, with the issuer and the counted try as its first arguments: in threads of its own.

    Raises:
        PasswordChecksBusy: too many wait already; the try is not counted any more.
        StoreUnavailable.
    """
    try:
        with _database():
            return await issuer.identity.password_work.run(function, issuer, counted, *args, **kwargs)
    except PasswordChecksBusy:
        await work(take_back_try, issuer, counted)
        raise


@contextmanager
def _database() -> Iterator[None]:
    try:
        yield
    except DATABASE_GONE as error:
        if isinstance(error, DBAPIError) and error.orig is not None and not error.connection_invalidated:
            logger.exception("a statement of the issuer failed: %s", type(error.orig).__name__)
        raise StoreUnavailable from error


async def read_form(request: Request, issuer: OpenIdentity, *, cookie: str) -> FormData:
    """A form of one of our own pages, drawn for the browser that holds this cookie.

    Raises:
        CrossSite: it came from elsewhere, or its token does not fit the cookie.
        InvalidRequest, BodyTooLarge.
    """
    if request.headers.get("sec-fetch-site") != "same-origin":
        raise CrossSite
    form = await read_plain_form(request)
    expected = issuer.keys.form_token(request.cookies.get(cookie, ""))
    if not request.cookies.get(cookie) or not hmac.compare_digest(expected.encode(), text(form, "form_token").encode()):
        raise CrossSite
    return form


async def read_plain_form(request: Request, *, most: int = _MAX_FORM) -> FormData:
    """A form of up to `most` bytes. Raises InvalidRequest, BodyTooLarge."""
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/x-www-form-urlencoded":
        raise InvalidRequest("send application/x-www-form-urlencoded")
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > most:
        raise BodyTooLarge
    return await request.form(max_fields=32)


def text(form: FormData, name: str) -> str:
    """A field of a form as text; empty when it is absent, repeated or a file."""
    values = form.getlist(name)
    return values[0] if len(values) == 1 and isinstance(values[0], str) else ""


def next_path(asked: str) -> str:
    """Where to go after signing in: one of our own few addresses, or the list of sessions."""
    # Compared as text, not parsed: browsers and parsers differ on what `///host` and `/\\host` mean.
    ours = asked.partition("?")[0] in _NEXT and _PLAIN.fullmatch(asked)
    return asked if ours and len(asked) <= _MAX_NEXT else HOME


def set_cookie(answer: Response, name: str, value: str, *, max_age: int | None = None) -> None:
    """A `__Host-` cookie: this host alone, never over plain transport, never to scripts or other sites' requests."""
    answer.set_cookie(name, value, max_age=max_age, path="/", secure=True, httponly=True, samesite="strict")


def clear_cookie(answer: Response, name: str) -> None:
    answer.delete_cookie(name, path="/", secure=True, httponly=True, samesite="strict")


def device_of(request: Request) -> str:
    """A coarse name for the list of sessions. The header itself is not kept: it is close to a fingerprint."""
    agent = request.headers.get("user-agent", "")
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    return " · ".join(filter(None, (browser, system))) or "unknown"


def address_of(request: Request) -> str | None:
    return request.client.host if request.client else None


def see_other(address: str) -> RedirectResponse:
    return RedirectResponse(address, status_code=303)


def page_policy(settings: VaultSettings) -> str:
    """Forms lead to ourselves; the redirects after signing in lead on to the CRM and the console."""
    origins = (settings.crm_origin.rstrip("/"), settings.console_origin.rstrip("/"))
    return content_policy(form_action=("'self'", *origins))


class PageRoute(APIRoute):
    """Errors of these routes are shown to a person, as a page that says what to do."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except VaultError as error:
                if error.status_code >= 500:  # noqa: PLR2004  our fault, not the reader's
                    logger.warning("an identity page failed: %s", error.code)
                answer = load_pages().render(
                    request, "identity/problem.html", status=error.status_code, code=error.code
                )
                if error.status_code == 503:  # noqa: PLR2004  away for a moment
                    answer.headers["Retry-After"] = str(getattr(error, "wait_seconds", 5))
                return answer

        return handle
