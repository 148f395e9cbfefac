"""authlib's authorization server on our database and requests. It knows no web framework: endpoints turn `Answer`
into a response. Synchronous: one call is one transaction, which the caller commits.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationServer
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from authlib.oauth2.rfc9207 import IssuerParameter
from sqlalchemy import delete, text

from pii_vault.identity.clients import AUTH_METHOD, SCOPES, Client, known_clients
from pii_vault.identity.context import OpenIdentity
from pii_vault.identity.grants import CodeGrant, IdToken, IssuerRequest, RefreshGrant, S256Challenge
from pii_vault.identity.keys import new_secret, secret_digest
from pii_vault.identity.models import RefreshToken, StaffSession
from pii_vault.identity.tokens import access_token

# At debug level authlib prints the tokens it issues. Nothing may turn that on.
logging.getLogger("authlib").setLevel(logging.WARNING)

_MAX_PARAMETER: Final = 2048
_MAX_AGE_DIGITS: Final = 9
_REGISTERED: Final = text(
    "SELECT 1 FROM service_client WHERE trust_domain = :domain AND cn = :cn AND :role = ANY(roles)"
)


@dataclass(slots=True)
class Answer:
    """A response before it belongs to a framework. `location` is set for redirects."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def location(self) -> str | None:
        return self.headers.get("Location")

    @location.setter
    def location(self, value: str) -> None:
        self.headers["Location"] = value


class NeedsSignin(Exception):
    """The request is in order, but a person has to sign in (again) first."""


class AuthorizationResponseIssuer(IssuerParameter):  # type: ignore[misc]  # authlib has no types
    def __init__(self, server: "Issuer") -> None:
        self._server = server

    def get_issuer(self) -> str:
        return self._server.issuer.issuer


class Issuer(AuthorizationServer):  # type: ignore[misc]  # authlib has no types
    """The authorization server of one process. Holds no state: every request brings its transaction."""

    def __init__(self, issuer: OpenIdentity) -> None:
        super().__init__(scopes_supported=list(SCOPES))
        self.issuer = issuer
        self._clients = known_clients(issuer.settings)
        self.register_client_auth_method(AUTH_METHOD, _authenticate_by_certificate)
        self.register_grant(CodeGrant, [S256Challenge(required=True), IdToken(issuer)])
        self.register_grant(RefreshGrant)
        self.register_token_generator("default", self._issue)
        extension = AuthorizationResponseIssuer(self)
        self.register_hook("after_create_authorization_response", extension.add_issuer_parameter)

    # -- what authlib asks for ------------------------------------------------------------------------------
    def query_client(self, client_id: str) -> Client | None:
        return self._clients.get(client_id)

    def create_oauth2_request(self, request: IssuerRequest) -> IssuerRequest:
        return request

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Answer:
        return Answer(status, body, dict(headers))

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def save_token(self, token: dict[str, Any], request: IssuerRequest) -> None:
        request.db.add(
            RefreshToken(
                digest=secret_digest(token["refresh_token"]),
                sid=request.user.sid,
                client_id=request.client.client_id,
                scope=token["scope"],
                created_at=request.issuer.now(),
            )
        )

    def _issue(self, *, client: Client, user: StaffSession, scope: str, **_: object) -> dict[str, Any]:
        now = self.issuer.now()
        signed = access_token(self.issuer, user, audience=client.audience, client_id=client.client_id, now=now)
        return {
            "token_type": "Bearer",
            "access_token": signed,
            "expires_in": int(self.issuer.policy.access_token_lifetime.total_seconds()),
            "refresh_token": new_secret(),
            "scope": scope,
        }

    # -- the two endpoints ----------------------------------------------------------------------------------
    def authorize(self, request: IssuerRequest, session: StaffSession | None) -> Answer:
        """The redirect back to the client: with a code, or with an error it may be told.

        Raises:
            NeedsSignin: `session` is absent or too old for what the client asks.
            OAuth2Error: the request cannot be trusted to name where to redirect; show a page.
        """
        try:
            _require_plain(request)
            max_age = _max_age(request)
            if session is not None and _is_older(session, max_age, now=self.issuer.now()):
                session = None
            grant = self.get_consent_grant(request, end_user=session)
            if session is None or grant.prompt in ("login", "select_account"):
                raise NeedsSignin
            answer: Answer = self.create_authorization_response(request, grant_user=session, grant=grant)
        except OAuth2Error as error:
            error.state = request.payload.state
            if not error.redirect_uri:
                raise
            answer = self.handle_error_response(request, error)
            answer.location = add_params_to_uri(answer.location, [("iss", self.issuer.issuer)])
        return answer

    def revoke(self, request: IssuerRequest) -> Answer:
        """A client gives its refresh token back (RFC 7009). An unknown one is no error: it is as good as revoked."""
        try:
            _require_plain(request)
            client = self.authenticate_client(request, [AUTH_METHOD])
        except OAuth2Error as error:
            return self.handle_error_response(request, error)  # type: ignore[no-any-return]
        given = request.db.get(RefreshToken, secret_digest(request.form.get("token", "")))
        if given is not None and given.client_id == client.client_id:
            of_client = (RefreshToken.sid == given.sid, RefreshToken.client_id == client.client_id)
            request.db.execute(delete(RefreshToken).where(*of_client))
        return Answer(200, {}, {"Content-Type": "application/json"})

    def token(self, request: IssuerRequest) -> Answer:
        """Tokens, or an error after RFC 6749. Commit either way: a spent code stays spent."""
        try:
            _require_plain(request)
        except OAuth2Error as error:
            return self.handle_error_response(request, error)  # type: ignore[no-any-return]
        return self.create_token_response(request)  # type: ignore[no-any-return]


def _authenticate_by_certificate(query_client: Any, request: IssuerRequest) -> Client | None:
    """`tls_client_auth` (RFC 8705): the certificate's authority and name must be the client's."""
    client: Client | None = query_client(request.payload.client_id)
    if client is None or request.peer is None or request.peer.trust_domain != client.trust_domain:
        return None
    values = {"domain": client.trust_domain, "cn": request.peer.name, "role": client.service_role}
    return client if request.db.execute(_REGISTERED, values).first() else None


def _require_plain(request: IssuerRequest) -> None:
    """Every parameter once, in printable ASCII of sane length: authlib repeats some of them in its errors."""
    for values in request.payload.datalist.values():
        value = values[0]
        if len(values) > 1 or len(value) > _MAX_PARAMETER or not (value.isascii() and value.isprintable()):
            raise InvalidRequestError("A parameter is repeated, too long or not printable ASCII.")


def _max_age(request: IssuerRequest) -> int | None:
    """How old a sign-in the client accepts, in seconds."""
    asked = request.payload.data.get("max_age")
    if asked is None:
        return None
    if not asked.isdecimal() or len(asked) > _MAX_AGE_DIGITS:
        raise InvalidRequestError("max_age is a number of seconds.")
    return int(asked)


def _is_older(session: StaffSession, max_age: int | None, *, now: datetime) -> bool:
    return max_age is not None and (now - session.auth_time).total_seconds() > max_age
