"""Pages: one's own sessions, signing out."""

from contextlib import suppress

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from pii_vault.errors import Unauthenticated
from pii_vault.identity import factor, store
from pii_vault.identity.context import OpenIdentity
from pii_vault.identity.forms import (
    HOME,
    PageRoute,
    clear_cookie,
    page_policy,
    read_form,
    see_other,
    text,
    work,
)
from pii_vault.identity.models import StaffSession
from pii_vault.identity.sessions import VAULT_COOKIE, IssuerSessions
from pii_vault.identity.signout import end_own, read_signout
from pii_vault.web import load_pages


class SessionPages:
    def __init__(self, sessions: IssuerSessions) -> None:
        self._identity = sessions.identity
        self._policy = page_policy(sessions.identity.settings)

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False, route_class=PageRoute)
        router.add_api_route("/identity/sessions", self.show, methods=["GET"])
        router.add_api_route("/identity/sessions/end", self.end, methods=["POST"])
        router.add_api_route("/identity/signout", self.show_signout, methods=["GET"])
        router.add_api_route("/identity/signout", self.signout, methods=["POST"])
        router.add_api_route("/identity/signed-out", self.signed_out, methods=["GET"])
        return router

    async def show(self, request: Request) -> Response:
        issuer = await self._identity.open()
        cookie = request.cookies.get(VAULT_COOKIE)
        found = await work(_own, issuer, cookie)
        if found is None or cookie is None:
            return see_other("/identity/signin")
        mine, rows, codes_left = found
        return load_pages().render(
            request,
            "identity/sessions.html",
            policy=self._policy,
            form_token=issuer.keys.form_token(cookie),
            mine=mine.sid,
            alias=mine.staff.alias,
            shop=mine.staff.tenant.title or mine.staff.tenant.id,
            role=mine.staff.role,
            rows=rows,
            codes_left=codes_left,
        )

    async def end(self, request: Request) -> Response:
        issuer = await self._identity.open()
        form = await read_form(request, issuer, cookie=VAULT_COOKIE)
        cookie, sid, others = request.cookies.get(VAULT_COOKIE), text(form, "sid"), text(form, "which") == "others"
        if sid or others:
            await work(end_own, issuer, cookie=cookie, sid=sid, others=others)
        return see_other(HOME)

    async def show_signout(self, request: Request) -> Response:
        """Asks first: a link alone must not sign anybody out, unless its ID token shows that the client may."""
        issuer = await self._identity.open()
        cookie = request.cookies.get(VAULT_COOKIE)
        asked = read_signout(issuer, request.query_params)
        found = await work(_own, issuer, cookie)
        if found is None or cookie is None:
            return see_other(asked.back_to or "/identity/signed-out")
        if asked.sid == found[0].sid:
            return await self._sign_out(issuer, cookie, asked.back_to)
        return load_pages().render(
            request,
            "identity/signout.html",
            policy=self._policy,
            form_token=issuer.keys.form_token(cookie),
            query=request.url.query,
            back_to=asked.back_to,
        )

    async def signout(self, request: Request) -> Response:
        issuer = await self._identity.open()
        await read_form(request, issuer, cookie=VAULT_COOKIE)
        asked = read_signout(issuer, request.query_params)
        return await self._sign_out(issuer, request.cookies[VAULT_COOKIE], asked.back_to)

    async def signed_out(self, request: Request) -> Response:
        return load_pages().render(request, "identity/signed_out.html", policy=self._policy)

    async def _sign_out(self, issuer: OpenIdentity, cookie: str, back_to: str | None) -> Response:
        with suppress(Unauthenticated):  # it has ended by itself meanwhile
            await work(end_own, issuer, cookie=cookie)
        answer = see_other(back_to or "/identity/signed-out")
        clear_cookie(answer, VAULT_COOKIE)
        return answer


def _own(issuer: OpenIdentity, cookie: str | None) -> tuple[StaffSession, list[store.Listed], int] | None:
    """The session of this cookie, all live ones of the same person, as values that outlive the transaction; and how
    many recovery codes are left.
    """
    now = issuer.now()
    with issuer.sessions.begin() as db:
        mine = store.by_cookie(db, cookie, audience="vault", policy=issuer.policy, now=now)
        if mine is None:
            return None
        rows = list(store.live_of(db, mine.staff_id, policy=issuer.policy, now=now))
        enrolled = factor.read(issuer.keys, mine.staff)
        _detach(db)
        return mine, rows, len(enrolled.recovery) if enrolled else 0


def _detach(db: Session) -> None:
    db.flush()
    db.expunge_all()
