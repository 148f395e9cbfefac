"""The code flow with PKCE: where the browser is sent, and what must come back with it.

State, nonce and verifier rest sealed in a cookie of ten minutes, not in the database: a sign-in page that is only
opened costs no row, and nobody is signed in yet whose tenant the row could belong to.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

import msgspec

from app.errors import IssuerUnavailable, SigninFailed
from app.kit import web
from app.kit.clock import Clock
from app.signin.issuer import Issuer
from app.signin.sealing import SealBroken, Sealer

COOKIE: Final = "__Host-larets_signin"
LIFE: Final = timedelta(minutes=10)
SCOPE: Final = "openid"
_CONTEXT: Final = b"signin-flow"


class Pending(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sign-in under way in one browser. `next` is the page to come back to."""

    state: str
    nonce: str
    verifier: str
    next: str
    expires_at: float


def local_path(text: str | None) -> str:
    """A path of the CRM itself that fits into a cookie; anything else becomes `/`."""
    path = web.local_path(text or "")
    return path if len(path) <= 512 and " " not in path else "/"  # noqa: PLR2004  a cookie's room


class CodeFlow:
    def __init__(self, issuer: Issuer, *, client_id: str, redirect_uri: str, sealer: Sealer, clock: Clock) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._redirect_uri = redirect_uri
        self._sealer = sealer
        self._clock = clock

    async def begin(self, next_path: str | None) -> tuple[str, str]:
        """The issuer's address to send the browser to, and the sealed cookie. Raises IssuerUnavailable."""
        # Asked anew: a reader who is sent to an issuer that is away meets the browser's own error page.
        endpoint = str((await self._issuer.discovery(fresh=True))["authorization_endpoint"])
        if not endpoint.startswith(f"{self._issuer.origin}/"):
            raise IssuerUnavailable
        pending = Pending(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            next=local_path(next_path),
            expires_at=(self._clock() + LIFE).timestamp(),
        )
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": SCOPE,
            "state": pending.state,
            "nonce": pending.nonce,
            "code_challenge": _challenge(pending.verifier),
            "code_challenge_method": "S256",
        }
        sealed = self._sealer.seal(msgspec.json.encode(pending), context=_CONTEXT)
        return f"{endpoint}?{urlencode(query)}", base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def pending(self, cookie: str | None, *, state: str | None, issuer: str | None) -> Pending:
        """The sign-in that this answer belongs to. Raises SigninFailed for a foreign, forged or late one."""
        if not cookie or not state:
            raise SigninFailed
        try:
            sealed = base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4))
            found = msgspec.json.decode(self._sealer.open(sealed, context=_CONTEXT), type=Pending)
        except (ValueError, SealBroken, msgspec.MsgspecError) as error:
            raise SigninFailed from error
        if not hmac.compare_digest(found.state.encode(), state.encode()):
            raise SigninFailed
        if issuer is not None and issuer != self._issuer.origin:
            raise SigninFailed
        if found.expires_at < self._clock().timestamp():
            raise SigninFailed
        return found

    def exchange(self, pending: Pending, *, code: str) -> dict[str, str]:
        """The form that turns the code into tokens."""
        return {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": pending.verifier,
        }


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
