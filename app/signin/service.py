"""Who asks: the CRM's sign-in at the vault's issuer, its sessions, and bearer tokens of audience `crm`."""

import logging
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request

from app.errors import AppError, CrossSite, SigninFailed, Unauthenticated
from app.kit.staff import Staff
from app.signin import sessions
from app.signin.flow import CodeFlow
from app.signin.issuer import Issuer, Refused
from app.signin.sessions import StaffSessions
from app.signin.tokens import TokenReader

logger = logging.getLogger(__name__)

_BEARER: Final = re.compile(r"Bearer ([A-Za-z0-9._~+/=-]{1,4096})", re.IGNORECASE)
_SAFE_METHODS: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A finished sign-in: the session cookie's value and the page to go to."""

    cookie: str
    next: str


class SignIn:
    """Everything the rest of the CRM asks about who is there."""

    def __init__(
        self,
        *,
        issuer: Issuer,
        client_id: str,
        reader: TokenReader,
        code_flow: CodeFlow,
        staff_sessions: StaffSessions,
    ) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._reader = reader
        self._flow = code_flow
        self._sessions = staff_sessions

    async def staff(self, request: Request) -> Staff:
        """Who makes this request: by a bearer token of audience `crm`, else by the session cookie.

        A request with a cookie that is not a plain navigation must come from the CRM's own pages.

        Raises:
            Unauthenticated: nobody is signed in, or the session or token is not accepted (any more).
            CrossSite: a cookie came from another site's page.
            IssuerUnavailable: a bearer token cannot be checked now.
        """
        authorization = request.headers.get("authorization")
        if authorization is not None:
            bearer = _BEARER.fullmatch(authorization)
            if bearer is None:
                raise Unauthenticated
            return (await self._reader.access(bearer[1])).staff
        cookie = request.cookies.get(sessions.COOKIE)
        if cookie is None:
            raise Unauthenticated
        refuse_cross_site(request)
        return await self._sessions.staff(cookie)

    async def begin(self, next_path: str | None) -> tuple[str, str]:
        """The issuer's sign-in address and the flow cookie. Raises IssuerUnavailable."""
        return await self._flow.begin(next_path)

    async def complete(
        self, *, code: str | None, state: str | None, issuer: str | None, flow_cookie: str | None
    ) -> SignedIn:
        """Turn the issuer's answer into a session of the CRM.

        Raises:
            SigninFailed: the answer is not one to a sign-in this browser began, or the issuer refused it.
            IssuerUnavailable
        """
        pending = self._flow.pending(flow_cookie, state=state, issuer=issuer)
        if not code:
            raise SigninFailed
        try:
            answer = await self._issuer.token(self._flow.exchange(pending, code=code))
            identity = await self._reader.identity(str(answer.get("id_token", "")), nonce=pending.nonce)
            claims = await self._reader.access(str(answer.get("access_token", "")))
        except (Refused, Unauthenticated) as error:
            logger.warning("a sign-in was refused: %s", error.code)
            raise SigninFailed from error
        if identity["sub"] != claims.staff.id:
            raise SigninFailed
        cookie = await self._sessions.open(claims, refresh_token=str(answer.get("refresh_token", "")))
        return SignedIn(cookie=cookie, next=pending.next)

    async def end(self, request: Request, *, back_to: str) -> str:
        """Sign out here and at the issuer. Returns the address to send the browser to."""
        cookie = request.cookies.get(sessions.COOKIE)
        if cookie is not None:
            refuse_cross_site(request)
            await self._sessions.close(cookie)
        return await self._issuer_signout(back_to)

    async def _issuer_signout(self, back_to: str) -> str:
        try:
            endpoint = str((await self._issuer.discovery()).get("end_session_endpoint", ""))
        except AppError:
            return back_to
        if not endpoint.startswith(f"{self._issuer.origin}/"):
            return back_to
        return f"{endpoint}?{urlencode({'client_id': self._client_id, 'post_logout_redirect_uri': back_to})}"

    async def close(self) -> None:
        await self._issuer.close()


def refuse_cross_site(request: Request) -> None:
    """Siblings of one site may not act with the CRM's cookie; following a link to a page is not acting."""
    site = request.headers.get("sec-fetch-site")
    navigation = request.method in _SAFE_METHODS and request.headers.get("sec-fetch-mode") == "navigate"
    if site != "same-origin" and not navigation:
        raise CrossSite
