"""The protocol's endpoints: authorize for browsers; token and revoke for programs with a certificate; keys and
discovery for both.
"""

from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from authlib.oauth2 import OAuth2Error
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from pii_vault.identity import store
from pii_vault.identity.clients import AUTH_METHOD, SCOPES
from pii_vault.identity.context import OpenIdentity
from pii_vault.identity.errors import IdentityError
from pii_vault.identity.forms import PageRoute, read_plain_form, see_other, work
from pii_vault.identity.grants import IssuerRequest
from pii_vault.identity.record import Person
from pii_vault.identity.server import Answer, Issuer, NeedsSignin
from pii_vault.identity.sessions import VAULT_COOKIE, IssuerSessions
from pii_vault.protocol import PEER
from pii_vault.web import load_pages

_AGAIN: Final = ("prompt", "max_age")
_SHORTEST_MAX_AGE: Final = 60  # a sign-in itself takes a while: max_age=0 would never be satisfied


class AuthorizationRefused(IdentityError):
    """The application that sent you here asked for something it may not have. Tell its administrator."""

    code = "authorization_refused"


class Oidc:
    def __init__(self, sessions: IssuerSessions) -> None:
        self._identity = sessions.identity
        self._server: Issuer | None = None

    def browser_router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False, route_class=PageRoute)
        router.add_api_route("/identity/authorize", self.authorize, methods=["GET"])
        return router

    def open_router(self) -> APIRouter:
        """What anybody may read, on both listeners."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/identity/jwks", self.keys, methods=["GET"])
        router.add_api_route("/.well-known/openid-configuration", self.discovery, methods=["GET"])
        return router

    def service_router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/identity/token", self.token, methods=["POST"])
        router.add_api_route("/identity/revoke", self.revoke, methods=["POST"])
        return router

    async def authorize(self, request: Request) -> Response:
        cookie = request.cookies.get(VAULT_COOKIE)
        if cookie is None and request.headers.get("sec-fetch-site") == "cross-site":
            return self._once_more(request)
        server = await self._open()
        parameters = list(request.query_params.multi_items())
        try:
            answer, had_session = await work(_authorize, server, parameters, cookie)
        except OAuth2Error as error:
            raise AuthorizationRefused from error
        if answer is None:
            return see_other(_signin_address(parameters, reauth=had_session))
        return _response(answer)

    async def token(self, request: Request) -> Response:
        return await self._for_program(request, "token")

    async def revoke(self, request: Request) -> Response:
        return await self._for_program(request, "revoke")

    async def keys(self) -> Response:
        issuer = await self._identity.open()
        return JSONResponse(await work(issuer.signing.public_set), headers={"Cache-Control": "public, max-age=300"})

    async def discovery(self) -> Response:
        return JSONResponse(metadata(self._identity.issuer), headers={"Cache-Control": "public, max-age=300"})

    async def _for_program(self, request: Request, endpoint: str) -> Response:
        server = await self._open()
        form = await read_plain_form(request)
        parameters = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
        return _response(await work(_program, server, endpoint, parameters, request.scope.get(PEER)))

    async def _open(self) -> Issuer:
        issuer = await self._identity.open()
        if self._server is None:
            self._server = Issuer(issuer)
        return self._server

    def _once_more(self, request: Request) -> Response:
        """A chain of redirects that began on another site brings no strict cookie. One step from a page of our own
        does, so that a person who is signed in is not asked again.
        """
        here = f"{request.url.path}?{urlencode(parse_qsl(request.url.query))}"
        answer = load_pages().render(request, "identity/continue.html", address=here)
        answer.headers["Refresh"] = f"0; url={here}"
        return answer


def metadata(issuer: str) -> dict[str, Any]:
    """The discovery document (OpenID Connect Discovery 1.0, RFC 8414)."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/identity/authorize",
        "token_endpoint": f"{issuer}/identity/token",
        "revocation_endpoint": f"{issuer}/identity/revoke",
        "jwks_uri": f"{issuer}/identity/jwks",
        "end_session_endpoint": f"{issuer}/identity/signout",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "scopes_supported": list(SCOPES),
        "token_endpoint_auth_methods_supported": [AUTH_METHOD],
        "revocation_endpoint_auth_methods_supported": [AUTH_METHOD],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "select_account"],
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "amr", "at_hash",
            "sid", "tenant", "roles", "alias",
        ],
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }  # fmt: skip


def _authorize(server: Issuer, parameters: list[tuple[str, str]], cookie: str | None) -> tuple[Answer | None, bool]:
    """The redirect, or None when a person has to sign in; and whether somebody was signed in before."""
    issuer = server.issuer
    with issuer.sessions.begin() as db:
        session = store.by_cookie(db, cookie, audience="vault", policy=issuer.policy, now=issuer.now())
        request = IssuerRequest("GET", parameters, issuer=issuer, db=db)
        try:
            return server.authorize(request, session), session is not None
        except NeedsSignin:
            return None, session is not None


def _program(server: Issuer, endpoint: str, parameters: list[tuple[str, str]], peer: Any) -> Answer:
    """Committed whatever the answer: a code or token that was shown is spent. Sessions that a replay has ended are
    recorded with it. Raises AuditUnavailable: nothing was issued or ended.
    """
    issuer: OpenIdentity = server.issuer
    with issuer.sessions.begin() as db:
        request = IssuerRequest("POST", parameters, issuer=issuer, db=db, peer=peer)
        answer = server.token(request) if endpoint == "token" else server.revoke(request)
        for ended in request.ended:
            issuer.record(db, Person(ended.staff_id, ended.tenant), "session_end", ended.reason)
        return answer


def _signin_address(parameters: list[tuple[str, str]], *, reauth: bool) -> str:
    """To the sign-in page, and from there the same request again, without what has then been done."""
    kept = [(name, value) for name, value in parameters if name not in _AGAIN]
    max_age = dict(parameters).get("max_age")
    if max_age is not None:
        kept.append(("max_age", str(max(int(max_age), _SHORTEST_MAX_AGE))))
    query = {"next": f"/identity/authorize?{urlencode(kept)}"}
    return f"/identity/signin?{urlencode(query | ({'reauth': '1'} if reauth else {}))}"


def _response(answer: Answer) -> Response:
    if answer.location is not None:
        return see_other(answer.location)
    return JSONResponse(answer.body if isinstance(answer.body, dict) else dict(answer.body),
                        status_code=answer.status, headers={"Cache-Control": "no-store"})  # fmt: skip
