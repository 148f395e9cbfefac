"""The two grants, on authlib: authorization code with PKCE (S256 alone), and refresh with rotation.

Codes and refresh tokens are spent by one UPDATE that only one request can win. One that comes a second time has been
copied: its whole session ends, for the thief and for the person. But for one case: the answer to a refresh can get lost
on its way, and then the client has nothing but the token it has just spent. For a few seconds the same client, by its
certificate, gets another token of the same session for it.
"""

import logging
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from authlib.oauth2.rfc6749 import OAuth2Payload, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode
from sqlalchemy import update
from sqlalchemy.orm import Session

from pii_vault.identity import store
from pii_vault.identity.clients import AUTH_METHOD, Client
from pii_vault.identity.context import OpenIdentity
from pii_vault.identity.keys import secret_digest
from pii_vault.identity.models import AuthorizationCode, RefreshToken, StaffSession
from pii_vault.identity.tokens import AMR, person_claims
from pii_vault.protocol import Peer

logger = logging.getLogger(__name__)
CLIENT_AUTH: Final = [AUTH_METHOD]


class EndedSession(NamedTuple):
    """A session that a replay has ended, for the audit record."""

    staff_id: str
    tenant: str
    reason: str


class Payload(OAuth2Payload):  # type: ignore[misc]  # authlib has no types
    def __init__(self, parameters: list[tuple[str, str]]) -> None:
        self._lists: dict[str, list[str]] = {}
        for name, value in parameters:
            self._lists.setdefault(name, []).append(value)

    @property
    def data(self) -> dict[str, str]:
        return {name: values[0] for name, values in self._lists.items()}

    @property
    def datalist(self) -> dict[str, list[str]]:
        return self._lists


class IssuerRequest(OAuth2Request):  # type: ignore[misc]  # authlib has no types
    """One protocol request: its parameters, who the caller is by certificate, and the transaction it works in.

    authlib refuses plain HTTP by the scheme of the address it is given. Here the transport is settled before: the
    settings demand https outside dev, and the token endpoint exists on the mutual-TLS listener alone.
    """

    def __init__(
        self,
        method: str,
        parameters: list[tuple[str, str]],
        *,
        issuer: OpenIdentity,
        db: Session,
        peer: Peer | None = None,
    ) -> None:
        super().__init__(method, "https://issuer.invalid/")
        self.payload = Payload(parameters)
        self.issuer = issuer
        self.db = db
        self.peer = peer
        self.ended: list[EndedSession] = []

    @property
    def form(self) -> dict[str, str]:
        return self.payload.data

    def end_session(self, sid: str, *, reason: str) -> None:
        session = self.db.get(StaffSession, sid)
        if session is not None and store.end(self.db, sid, reason=reason, now=self.issuer.now()):
            logger.warning("a session was ended: %s", reason)
            self.ended.append(EndedSession(session.staff_id, session.staff.tenant.id, reason))


@dataclass(frozen=True, slots=True)
class SpentCode:
    """A code as authlib's extensions ask for it."""

    row: AuthorizationCode
    auth_time: int
    code_challenge: str
    code_challenge_method: str = field(default="S256")

    def get_redirect_uri(self) -> str:
        return self.row.redirect_uri

    def get_scope(self) -> str:
        return self.row.scope

    def get_nonce(self) -> str | None:
        return self.row.nonce

    def get_auth_time(self) -> int:
        return self.auth_time

    def get_acr(self) -> None:
        """None: there is one way to sign in here, always with both factors."""

    def get_amr(self) -> list[str]:
        return list(AMR)


@dataclass(frozen=True, slots=True)
class SpentRefresh:
    row: RefreshToken

    def check_client(self, client: Client) -> bool:
        return self.row.client_id == client.client_id

    def get_scope(self) -> str:
        return self.row.scope


class CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]  # authlib has no types
    TOKEN_ENDPOINT_AUTH_METHODS = CLIENT_AUTH

    @staticmethod
    def validate_authorization_redirect_uri(request: IssuerRequest, client: Client) -> str:
        """Must be named, and be one of the client's to the letter. The refused one is not repeated in the error."""
        asked = request.payload.redirect_uri
        if not asked or not client.check_redirect_uri(asked):
            raise InvalidRequestError("The redirect_uri is not registered for this client.")
        return str(asked)

    def save_authorization_code(self, code: str, request: IssuerRequest) -> None:
        now = request.issuer.now()
        request.db.add(
            AuthorizationCode(
                digest=secret_digest(code),
                sid=request.user.sid,
                client_id=request.client.client_id,
                redirect_uri=request.payload.redirect_uri,
                scope=request.scope,
                nonce=request.payload.data.get("nonce"),
                code_challenge=request.payload.data["code_challenge"],
                created_at=now,
                expires_at=now + request.issuer.policy.code_lifetime,
            )
        )

    def query_authorization_code(self, code: str, client: Client) -> SpentCode | None:
        """Spends the code, whatever else turns out to be wrong with the request."""
        request = self.request
        now = request.issuer.now()
        digest = secret_digest(code)
        row = request.db.get(AuthorizationCode, digest)
        if row is None or row.client_id != client.client_id:
            return None
        won = request.db.execute(
            update(AuthorizationCode)
            .where(AuthorizationCode.digest == digest, AuthorizationCode.used_at.is_(None))
            .values(used_at=now)
            .returning(AuthorizationCode.sid)
            .execution_options(synchronize_session=False)
        ).one_or_none()
        if won is None:
            request.end_session(row.sid, reason="code_replayed")
            return None
        session = store.by_sid(request.db, row.sid, policy=request.issuer.policy, now=now)
        if session is None or row.expires_at <= now:
            return None
        return SpentCode(row, int(session.auth_time.timestamp()), row.code_challenge)

    def delete_authorization_code(self, authorization_code: SpentCode) -> None:
        """Kept as spent until it is purged: without the row a replay could not be told from a guess."""

    def authenticate_user(self, authorization_code: SpentCode) -> StaffSession | None:
        request = self.request
        sid = authorization_code.row.sid
        return store.by_sid(request.db, sid, policy=request.issuer.policy, now=request.issuer.now())


class RefreshGrant(RefreshTokenGrant):  # type: ignore[misc]  # authlib has no types
    TOKEN_ENDPOINT_AUTH_METHODS = CLIENT_AUTH
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> SpentRefresh | None:
        request = self.request
        digest = secret_digest(refresh_token)
        row = request.db.get(RefreshToken, digest)
        if row is None or row.client_id != request.client.client_id:
            return None
        won = request.db.execute(
            update(RefreshToken)
            .where(RefreshToken.digest == digest, RefreshToken.used_at.is_(None))
            .values(used_at=request.issuer.now())
            .returning(RefreshToken.sid)
            .execution_options(synchronize_session=False)
        ).one_or_none()
        if won is None and not self._just_spent(row):
            request.end_session(row.sid, reason="refresh_token_reused")
            return None
        live = store.by_refresh(request.db, row, policy=request.issuer.policy, now=request.issuer.now())
        return SpentRefresh(row) if live is not None else None

    def _just_spent(self, row: RefreshToken) -> bool:
        """Whether this repeat may be for an answer that got lost."""
        request = self.request
        request.db.refresh(row)  # another request may have spent it since it was read
        age = request.issuer.now() - row.used_at
        return bool(abs(age) <= request.issuer.policy.refresh_grace)

    def authenticate_user(self, refresh_token: SpentRefresh) -> StaffSession | None:
        db: Session = self.request.db
        return db.get(StaffSession, refresh_token.row.sid)

    def revoke_old_credential(self, refresh_token: SpentRefresh) -> None:
        """Spent already, before the new one was made."""


class S256Challenge(CodeChallenge):  # type: ignore[misc]  # authlib has no types
    """PKCE without the plain method, and never optional."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012  authlib's own shape

    def validate_code_challenge(self, grant: CodeGrant, redirect_uri: str) -> None:
        asked = grant.request.payload.data
        if not asked.get("code_challenge") or asked.get("code_challenge_method") != "S256":
            raise InvalidRequestError("A code_challenge with the method S256 is required.")
        super().validate_code_challenge(grant, redirect_uri)


class IdToken(OpenIDCode):  # type: ignore[misc]  # authlib has no types
    """The ID token of the code grant: the person's opaque claims, bound to the request by its nonce."""

    def __init__(self, issuer: OpenIdentity) -> None:
        super().__init__(require_nonce=True)
        self._issuer = issuer

    def exists_nonce(self, nonce: str, request: IssuerRequest) -> bool:
        """The client compares the nonce with its own; here a repeated one is a page that was reloaded."""
        del nonce, request
        return False

    def resolve_client_private_key(self, client: Client) -> Any:
        del client
        return self._issuer.signing.current()

    def get_encode_header(self, client: Client) -> dict[str, str]:
        return {"alg": self.get_client_algorithm(client), "kid": self._issuer.signing.current().kid, "typ": "JWT"}

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        now = int(self._issuer.now().timestamp())
        lifetime = int(self._issuer.policy.access_token_lifetime.total_seconds())
        return {"iss": self._issuer.issuer, "aud": client.client_id, "iat": now, "exp": now + lifetime}

    def generate_user_info(self, user: StaffSession, scope: str) -> dict[str, Any]:
        del scope
        return person_claims(user) | {"alias": user.staff.alias}
