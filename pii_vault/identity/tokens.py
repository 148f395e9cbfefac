"""Access tokens: what stands in them, and how the vault reads its own.

    iss sub aud exp iat jti client_id tenant roles sid amr auth_time     always
    alias shop                                                            audience crm: the work name, the shop's title
    sfa                                                                   audience vault: time of the second factor

No personal claim is among them: `sub` is the opaque staff id. `aud` is one string, `crm` or `vault`, and the vault
takes nothing but its own.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pii_vault.errors import Unauthenticated
from pii_vault.identity.clients import TokenAudience
from pii_vault.identity.context import OpenIdentity
from pii_vault.identity.models import StaffSession
from pii_vault.identity.signing import ACCESS_TOKEN_TYPE

AMR: Final = ("pwd", "otp")
_MAX_TOKEN_CHARS: Final = 4096
_CLOCK_SKEW_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class BearerClaims:
    """The part of a verified vault token that the check of its session needs."""

    staff_id: str
    sid: str
    expires: int


def person_claims(session: StaffSession) -> dict[str, Any]:
    """Who it is, in the words of the public contour."""
    staff = session.staff
    return {"sub": staff.id, "tenant": staff.tenant.id, "roles": [staff.role], "sid": session.sid}


def access_token(
    issuer: OpenIdentity, session: StaffSession, *, audience: TokenAudience, client_id: str, now: datetime
) -> str:
    claims = person_claims(session) | {
        "iss": issuer.issuer,
        "aud": audience,
        "exp": int((now + issuer.policy.access_token_lifetime).timestamp()),
        "iat": int(now.timestamp()),
        "jti": uuid.uuid4().hex,
        "client_id": client_id,
        "amr": list(AMR),
        "auth_time": int(session.auth_time.timestamp()),
    }
    if audience == "crm":
        claims["alias"] = session.staff.alias
        claims["shop"] = session.staff.tenant.title or session.staff.tenant.id
    else:
        claims["sfa"] = int(session.second_factor_at.timestamp())
    return issuer.signing.sign(claims, token_type=ACCESS_TOKEN_TYPE)


def read_vault_token(issuer: OpenIdentity, token: str) -> BearerClaims:
    """A token that this issuer signed for the vault and that has not expired. Its session is the caller's to check.

    Raises:
        Unauthenticated: without saying what was wrong with it.
    """
    if len(token) > _MAX_TOKEN_CHARS:
        raise Unauthenticated
    claims = issuer.signing.verify(token, token_type=ACCESS_TOKEN_TYPE)
    now = int(issuer.now().timestamp())
    expires, issued, sub, sid = (claims.get(name) for name in ("exp", "iat", "sub", "sid"))
    if (
        claims.get("iss") != issuer.issuer
        or claims.get("aud") != "vault"
        or not isinstance(expires, int)
        or not isinstance(issued, int)
        or not isinstance(sub, str)
        or not isinstance(sid, str)
        or expires <= now
        or issued > now + _CLOCK_SKEW_SECONDS
    ):
        raise Unauthenticated
    return BearerClaims(sub, sid, expires)
