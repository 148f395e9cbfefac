"""Who a member of staff is, for the rest of the vault: by the vault's or the console's cookie, or by a vault token.

A cookie is looked up each time: ending a session takes effect with the next request. A token's signature is checked
once and its session is looked up again every few seconds, so ending, disabling, a new role and a suspended tenant
take effect within `IdentityPolicy.state_cache`.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from fastapi import Request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker
from starlette.concurrency import run_in_threadpool

from pii_vault.access.principal import Principal
from pii_vault.config import VaultSettings
from pii_vault.errors import StoreUnavailable, Unauthenticated
from pii_vault.identity import store
from pii_vault.identity.context import Identity, OpenIdentity, new_identity
from pii_vault.identity.models import CookieAudience, StaffSession
from pii_vault.identity.tokens import BearerClaims, read_vault_token

if TYPE_CHECKING:
    from pii_vault.vault import Vault

VAULT_COOKIE: Final = "__Host-larets_vault"
CONSOLE_COOKIE: Final = "__Host-larets_console"
COOKIES: Final[dict[CookieAudience, str]] = {"vault": VAULT_COOKIE, "console": CONSOLE_COOKIE}
DATABASE_GONE: Final = (DBAPIError, PoolTimeout)
_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Checked:
    principal: Principal
    claims: BearerClaims
    checked_at: datetime


class IssuerSessions:
    """Implements `pii_vault.services.StaffSessions`."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self._checked: OrderedDict[bytes, _Checked] = OrderedDict()

    async def principal_from_cookie(self, request: Request, *, audience: CookieAudience) -> Principal | None:
        cookie = request.cookies.get(COOKIES[audience])
        if not cookie:
            return None

        def read() -> Principal | None:
            with self.identity.sessions.begin() as db:
                now, policy = self.identity.clock(), self.identity.policy
                session = store.by_cookie(db, cookie, audience=audience, policy=policy, now=now)
                return _principal(session) if session is not None else None

        try:
            return await run_in_threadpool(read)
        except DATABASE_GONE as error:
            raise StoreUnavailable from error

    async def principal_from_bearer(self, token: str) -> Principal:
        key = hashlib.sha256(token.encode()).digest()
        now = self.identity.clock()
        known = self._checked.get(key)
        if known is not None and _is_recent(known, now=now, identity=self.identity):
            return known.principal
        issuer = await self.identity.open()
        try:
            checked = await run_in_threadpool(_check, issuer, token, known)
        except DATABASE_GONE as error:
            raise StoreUnavailable from error
        except Unauthenticated:
            self._checked.pop(key, None)
            raise
        self._checked[key] = checked
        self._checked.move_to_end(key)
        while len(self._checked) > _REMEMBERED:
            self._checked.popitem(last=False)
        return checked.principal


def build_staff_sessions(settings: VaultSettings, vault: "Vault", sessions: sessionmaker[Session]) -> IssuerSessions:
    """For the composition root. Nothing is opened before the first request."""
    identity = new_identity(settings, key_service=vault.keys, sessions=sessions, clock=vault.clock)
    return IssuerSessions(identity)


def _is_recent(known: _Checked, *, now: datetime, identity: Identity) -> bool:
    age = now - known.checked_at
    return known.claims.expires > now.timestamp() and abs(age) < identity.policy.state_cache


def _check(issuer: OpenIdentity, token: str, known: _Checked | None) -> _Checked:
    """A signature that held once holds; what is read again is the time and the session."""
    claims = known.claims if known is not None else read_vault_token(issuer, token)
    now = issuer.now()
    if claims.expires <= now.timestamp():
        raise Unauthenticated
    with issuer.sessions.begin() as db:
        session = store.by_sid(db, claims.sid, policy=issuer.policy, now=now)
        if session is None or session.staff_id != claims.staff_id:
            raise Unauthenticated
        return _Checked(_principal(session), claims, now)


def _principal(session: StaffSession) -> Principal:
    """Roles and tenant as they are now, not as they were when a token was signed."""
    staff = session.staff
    return Principal(
        kind="staff",
        id=staff.id,
        tenant=staff.tenant.id,
        roles=(staff.role,),
        contour="private",
        second_factor_at=session.second_factor_at.astimezone(UTC),
        label=staff.alias,
    )
