"""How the console, a host of its own, gets a session: from the vault's host by a code that is good once.

The console keeps a secret in a cookie and sends its hash to the vault's host; the code that comes back opens nothing
without the secret, so a link with somebody else's code signs nobody in.

    console /signin            → cookie `__Host-larets_console_entry`, to vault /identity/handover?challenge=…
    vault   /identity/handover → sign-in if needed, then to console /signin/callback?code=…
    console /signin/callback   → cookie `__Host-larets_console`, to the page that was asked for
    console /signout (POST)    → ends the whole session
"""

import re
from typing import Final
from urllib.parse import quote, unquote, urlencode

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from fastapi import APIRouter, Request, Response
from sqlalchemy import update

from pii_vault.config import VaultSettings
from pii_vault.errors import CrossSite
from pii_vault.identity import store
from pii_vault.identity.context import OpenIdentity
from pii_vault.identity.errors import SigninExpired
from pii_vault.identity.forms import PageRoute, clear_cookie, see_other, set_cookie, work
from pii_vault.identity.keys import new_secret, secret_digest
from pii_vault.identity.models import AuthorizationCode, StaffSession
from pii_vault.identity.record import Person
from pii_vault.identity.sessions import CONSOLE_COOKIE, VAULT_COOKIE, IssuerSessions
from pii_vault.web import local_path

CONSOLE: Final = "console"
CONSOLE_ENTRY_COOKIE: Final = "__Host-larets_console_entry"
_ENTRY_SECONDS: Final = 600
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")


class VaultSide:
    """The vault host's half: gives a code to whoever is signed in."""

    def __init__(self, sessions: IssuerSessions) -> None:
        self._identity = sessions.identity

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False, route_class=PageRoute)
        router.add_api_route("/identity/handover", self.hand_over, methods=["GET"])
        return router

    async def hand_over(self, request: Request, challenge: str = "") -> Response:
        if not _CHALLENGE.fullmatch(challenge):
            raise SigninExpired
        issuer = await self._identity.open()
        code = await work(_give_code, issuer, request.cookies.get(VAULT_COOKIE), challenge)
        if code is None:
            here = f"/identity/handover?{urlencode({'challenge': challenge})}"
            return see_other(f"/identity/signin?{urlencode({'next': here})}")
        return see_other(f"{_callback(issuer.settings)}?{urlencode({'code': code})}")


class ConsoleSide:
    """The console host's half: begins, takes the code, signs out."""

    def __init__(self, sessions: IssuerSessions) -> None:
        self._identity = sessions.identity

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False, route_class=PageRoute)
        router.add_api_route("/signin", self.begin, methods=["GET"])
        router.add_api_route("/signin/callback", self.take, methods=["GET"])
        router.add_api_route("/signout", self.sign_out, methods=["POST"])
        return router

    async def begin(self, next: str = "/") -> Response:  # noqa: A002  the usual name in addresses
        secret = new_secret()
        query = urlencode({"challenge": create_s256_code_challenge(secret)})
        answer = see_other(f"{self._identity.issuer}/identity/handover?{query}")
        # Lax, because the way back may have begun with a link in a letter; the secret alone opens nothing.
        answer.set_cookie(
            CONSOLE_ENTRY_COOKIE,
            f"{secret}|{quote(local_path(next))}",  # a header holds no letters but Latin ones
            max_age=_ENTRY_SECONDS,
            path="/",
            secure=True,
            httponly=True,
            samesite="lax",
        )
        return answer

    async def take(self, request: Request, code: str = "") -> Response:
        issuer = await self._identity.open()
        secret, _, asked = request.cookies.get(CONSOLE_ENTRY_COOKIE, "").partition("|")
        taken = await work(_take_code, issuer, code, secret)
        if taken is None:
            raise SigninExpired
        answer = see_other(local_path(unquote(asked)))
        set_cookie(answer, CONSOLE_COOKIE, taken)
        clear_cookie(answer, CONSOLE_ENTRY_COOKIE)
        return answer

    async def sign_out(self, request: Request) -> Response:
        if request.headers.get("sec-fetch-site") != "same-origin":
            raise CrossSite
        issuer = await self._identity.open()
        await work(_end_by_console, issuer, request.cookies.get(CONSOLE_COOKIE))
        answer = see_other(f"{self._identity.issuer}/identity/signed-out")
        clear_cookie(answer, CONSOLE_COOKIE)
        return answer


def _callback(settings: VaultSettings) -> str:
    return f"{settings.console_origin.rstrip('/')}/signin/callback"


def _give_code(issuer: OpenIdentity, cookie: str | None, challenge: str) -> str | None:
    now = issuer.now()
    with issuer.sessions.begin() as db:
        session = store.by_cookie(db, cookie, audience="vault", policy=issuer.policy, now=now)
        if session is None:
            return None
        code = new_secret()
        db.add(
            AuthorizationCode(
                digest=secret_digest(code),
                sid=session.sid,
                client_id=CONSOLE,
                redirect_uri=_callback(issuer.settings),
                scope="",
                code_challenge=challenge,
                created_at=now,
                expires_at=now + issuer.policy.code_lifetime,
            )
        )
        return code


def _take_code(issuer: OpenIdentity, code: str, secret: str) -> str | None:
    """The console's cookie, or None. A replayed code ends the session."""
    now = issuer.now()
    digest = secret_digest(code)
    with issuer.sessions.begin() as db:
        row = db.get(AuthorizationCode, digest)
        if row is None or row.client_id != CONSOLE or row.code_challenge != create_s256_code_challenge(secret):
            return None
        won = db.execute(
            update(AuthorizationCode)
            .where(AuthorizationCode.digest == digest, AuthorizationCode.used_at.is_(None))
            .values(used_at=now)
            .returning(AuthorizationCode.sid)
            .execution_options(synchronize_session=False)
        ).one_or_none()
        session = store.by_sid(db, row.sid, policy=issuer.policy, now=now)
        if session is None:
            return None
        if won is None:
            if store.end(db, row.sid, reason="code_replayed", now=now):
                issuer.record(db, _person(session), "session_end", "code_replayed")
            return None
        if row.expires_at <= now:
            return None
        return store.give_cookie(db, session, audience="console", now=now).cookie


def _end_by_console(issuer: OpenIdentity, cookie: str | None) -> None:
    now = issuer.now()
    with issuer.sessions.begin() as db:
        session = store.by_cookie(db, cookie, audience="console", policy=issuer.policy, now=now)
        if session is not None and store.end(db, session.sid, reason="ended_by_person", now=now):
            issuer.record(db, _person(session), "session_end")


def _person(session: StaffSession) -> Person:
    return Person(session.staff_id, session.staff.tenant.id)
