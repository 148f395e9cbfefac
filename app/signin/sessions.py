"""Sessions of staff in the CRM: a cookie with a secret, a row with its digest, and the issuer's word behind it.

The access token's life is the longest time that a change at the issuer (a role taken away, a person dismissed)
can stay unknown here, as long as the issuer answers. When it does not answer, open sessions live on to their own
idle limit.
"""

import hashlib
import logging
import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import IssuerUnavailable, Unauthenticated
from app.kit.clock import Clock
from app.kit.db import Database
from app.kit.staff import Staff
from app.models import StaffSession
from app.signin import repository
from app.signin.issuer import Issuer, Refused
from app.signin.sealing import SealBroken, Sealer
from app.signin.tokens import TENANT_FORM, Claims, TokenReader
from app.tenants import service as tenants

logger = logging.getLogger(__name__)

COOKIE: Final = "__Host-larets_crm"
IDLE: Final = timedelta(hours=2)
LIFE: Final = timedelta(hours=12)
_SEEN_EVERY: Final = timedelta(minutes=1)
_MAX_COOKIE: Final = 120


class StaffSessions:
    def __init__(self, db: Database, *, issuer: Issuer, reader: TokenReader, sealer: Sealer, clock: Clock) -> None:
        self._db = db
        self._issuer = issuer
        self._reader = reader
        self._sealer = sealer
        self._clock = clock

    async def open(self, claims: Claims, *, refresh_token: str) -> str:
        """Begin a session. Returns the cookie's value: the tenant and a secret that is stored nowhere."""
        secret = secrets.token_urlsafe(32)
        digest = _digest(secret)
        now = self._clock()
        values: dict[str, object] = {
            "tenant_id": claims.staff.tenant,
            "digest": digest,
            "staff_id": claims.staff.id,
            "created_at": now,
            "seen_at": now,
            "expires_at": now + LIFE,
        }
        async with self._db.tenant(claims.staff.tenant) as session:
            await tenants.ensure(session, claims.staff.tenant, now=now)
            await tenants.entitle(session, claims.staff.tenant, claims.staff.shop)
            await repository.add(session, values | self._issued(claims, refresh_token, digest=digest))
        return f"{claims.staff.tenant}.{secret}"

    async def staff(self, cookie: str) -> Staff:
        """Who this cookie stands for. Raises Unauthenticated when the session is unknown, ended or refused."""
        tenant, digest = _split(cookie)
        async with self._db.tenant(tenant) as session:
            found = await repository.find(session, digest)
            now = self._clock()
            if found is None or found[0].expires_at <= now or found[0].seen_at + IDLE <= now:
                raise Unauthenticated
            row, shop = found
            seen = _staff(row, shop=shop.title, zone=shop.time_zone)
            if now - row.seen_at >= _SEEN_EVERY:
                await repository.mark_seen(session, digest, at=now)
        if row.access_expires_at <= now:
            return await self._renewed(tenant, digest, seen=seen)
        return seen

    async def close(self, cookie: str) -> None:
        """End the session here and its refresh token at the issuer. Quiet when there is none."""
        try:
            tenant, digest = _split(cookie)
        except Unauthenticated:
            return
        async with self._db.tenant(tenant) as session:
            sealed = await repository.remove(session, digest)
        if sealed is not None:
            try:
                refresh_token = self._sealer.open(sealed, context=digest).decode()
            except SealBroken:
                return
            await self._issuer.revoke(refresh_token)

    async def _renewed(self, tenant: str, digest: bytes, *, seen: Staff) -> Staff:
        """The session under a fresh access token. One request renews; those beside it go on with what they saw."""
        refused = False
        async with self._db.tenant(tenant) as session:
            row = await repository.lock_free(session, digest)
            if row is None or row.access_expires_at > self._clock():
                return seen if row is None else _staff(row, shop=seen.shop, zone=seen.zone)
            try:
                refresh_token = self._sealer.open(row.refresh_sealed, context=digest).decode()
                answer = await self._issuer.token({"grant_type": "refresh_token", "refresh_token": refresh_token})
                claims = await self._reader.access(str(answer.get("access_token", "")))
                refused = claims.staff.id != row.staff_id or claims.staff.tenant != tenant
                if not refused:
                    newest = str(answer.get("refresh_token") or refresh_token)
                    await repository.change(session, digest, **self._issued(claims, newest, digest=digest))
                    await tenants.entitle(session, tenant, claims.staff.shop)
                    return replace(claims.staff, via="session", zone=seen.zone)
            except IssuerUnavailable:
                logger.warning("the issuer is away: an open session stays")
                return seen
            except (Refused, Unauthenticated, SealBroken):
                refused = True
            await repository.remove(session, digest)
        logger.info("the issuer ended a session")
        raise Unauthenticated

    def _issued(self, claims: Claims, refresh_token: str, *, digest: bytes) -> dict[str, object]:
        return {
            "alias": claims.staff.alias,
            "roles": list(claims.staff.roles),
            "issuer_session": claims.issuer_session,
            "refresh_sealed": self._sealer.seal(refresh_token.encode(), context=digest),
            "access_expires_at": claims.expires_at,
        }


async def purge(session: AsyncSession, *, now: datetime) -> None:
    """Forget the sessions of this tenant that are over."""
    await repository.purge(session, now=now, idle_since=now - IDLE)


def _split(cookie: str) -> tuple[str, bytes]:
    tenant, dot, secret = cookie.partition(".")
    if not dot or len(cookie) > _MAX_COOKIE or not TENANT_FORM.fullmatch(tenant):
        raise Unauthenticated
    return tenant, _digest(secret)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _staff(row: StaffSession, *, shop: str, zone: str) -> Staff:
    return Staff(
        id=row.staff_id,
        alias=row.alias,
        tenant=row.tenant_id,
        roles=tuple(row.roles),
        via="session",
        shop=shop,
        zone=zone,
    )
