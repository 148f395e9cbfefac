"""Reading the issuer's signed tokens: signature, issuer, audience and life, and nothing taken on trust."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from app.errors import Unauthenticated
from app.kit.clock import Clock
from app.kit.staff import ROLES, Staff
from app.signin.issuer import Issuer

ALGORITHMS: Final = ["ES256", "EdDSA", "Ed25519"]
ACCESS_TOKEN_TYPE: Final = "at+jwt"  # noqa: S105  an ID token is not taken for an access token
LEEWAY: Final = 30
AUDIENCE: Final = "crm"
TENANT_FORM: Final = re.compile(r"[a-z][a-z0-9-]{2,39}")
_STAFF: Final = re.compile(r"stf_[0-9a-hjkmnp-tv-z]{26}")
_MAX_ALIAS: Final = 64
_MAX_TITLE: Final = 100


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token of audience `crm` says."""

    staff: Staff
    issuer_session: str
    expires_at: datetime


class TokenReader:
    def __init__(self, issuer: Issuer, *, client_id: str, clock: Clock) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._clock = clock

    async def access(self, text: str) -> Claims:
        """Raises Unauthenticated unless this is a live access token of audience `crm`, and IssuerUnavailable."""
        claims = await self._verified(text, audience=AUDIENCE, access=True)
        sub, tenant, alias, roles = (claims.get(name) for name in ("sub", "tenant", "alias", "roles"))
        if not (isinstance(sub, str) and _STAFF.fullmatch(sub)):
            raise Unauthenticated
        if not (isinstance(tenant, str) and TENANT_FORM.fullmatch(tenant)):
            raise Unauthenticated
        if not (isinstance(roles, list) and roles and all(role in ROLES for role in roles)):
            raise Unauthenticated
        if not (isinstance(alias, str) and 0 < len(alias) <= _MAX_ALIAS):
            raise Unauthenticated
        shop = claims.get("shop", tenant)  # another issuer may not name it
        if not (isinstance(shop, str) and 0 < len(shop) <= _MAX_TITLE):
            raise Unauthenticated
        return Claims(
            staff=Staff(id=sub, alias=alias, tenant=tenant, roles=tuple(roles), via="bearer", shop=shop),
            issuer_session=str(claims.get("sid", "")),
            expires_at=datetime.fromtimestamp(int(claims["exp"]), UTC),
        )

    async def identity(self, text: str, *, nonce: str) -> dict[str, Any]:
        """The claims of an ID token issued for this very sign-in. Raises Unauthenticated."""
        claims = await self._verified(text, audience=self._client_id, access=False)
        if not nonce or claims.get("nonce") != nonce:
            raise Unauthenticated
        return claims

    async def _verified(self, text: str, *, audience: str, access: bool) -> dict[str, Any]:
        claims = _decode(text, await self._issuer.keys(), access=access)
        if claims is None:
            # A key this process has not seen yet: the issuer may have rotated.
            claims = _decode(text, await self._issuer.keys(fresh=True), access=access)
        if claims is None:
            raise Unauthenticated
        registry = jwt.JWTClaimsRegistry(
            now=lambda: int(self._clock().timestamp()),
            leeway=LEEWAY,
            iss={"essential": True, "value": self._issuer.origin},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
        )
        try:
            registry.validate(claims)
        except JoseError as error:
            raise Unauthenticated from error
        # Exactly one audience: a token that also names the vault is not one for this contour.
        if claims.get("aud") not in (audience, [audience]):
            raise Unauthenticated
        return claims


def _decode(text: str, keys: KeySet, *, access: bool) -> dict[str, Any] | None:
    """The claims, when one of these keys signed them as a token of this type."""
    try:
        token = jwt.decode(text, keys, algorithms=ALGORITHMS)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if (token.header.get("typ") == ACCESS_TOKEN_TYPE) != access:
        return None
    return dict(token.claims)
