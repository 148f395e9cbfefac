"""Sessions in the database: begin, find, renew, end. Every function works in its caller's transaction.

`last_seen_at` is when the person was last seen here, at the vault: by a cookie, a code or a vault token. A client that
refreshes its tokens does not move it: the vault's cookie must run out idle while a CRM page stands open, and whoever
reads the list of sessions must be able to tell the two apart. The refreshes are a life of their own: each new refresh
token is the sign that the client was in use, and keeps the client's side of the session alive.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from pii_vault.core.tokens import new_id
from pii_vault.identity.keys import new_secret, secret_digest
from pii_vault.identity.models import CookieAudience, RefreshToken, SessionCookie, StaffSession
from pii_vault.identity.policy import IdentityPolicy

SEEN_EVERY_SECONDS: Final = 60  # last_seen_at is written at most this often: a read should not cost a write


@dataclass(frozen=True, slots=True)
class Listed:
    """A live session as its list shows it. `client_used_at`: when the CRM, or a program, last refreshed under it."""

    session: StaffSession
    client_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A session and the cookie that was given out for it. The cookie is not stored and cannot be read again."""

    session: StaffSession
    cookie: str


def begin(db: Session, *, staff_id: str, device: str, policy: IdentityPolicy, now: datetime) -> StaffSession:
    """A session whose password and second factor were proved just now."""
    session = StaffSession(
        sid=new_id("ses"),
        staff_id=staff_id,
        device=device,
        created_at=now,
        auth_time=now,
        second_factor_at=now,
        last_seen_at=now,
        expires_at=now + policy.session_lifetime,
    )
    db.add(session)
    db.flush()
    return session


def renew(db: Session, session: StaffSession, *, policy: IdentityPolicy, now: datetime) -> None:
    """The same person proved both factors again: clients keep their session, every older cookie is void."""
    session.auth_time = session.second_factor_at = session.last_seen_at = now
    session.expires_at = now + policy.session_lifetime
    db.execute(delete(SessionCookie).where(SessionCookie.sid == session.sid))


def give_cookie(db: Session, session: StaffSession, *, audience: CookieAudience, now: datetime) -> Opened:
    """A new cookie for this audience; the one before it stops working."""
    db.execute(delete(SessionCookie).where(SessionCookie.sid == session.sid, SessionCookie.audience == audience))
    cookie = new_secret()
    db.add(SessionCookie(digest=secret_digest(cookie), sid=session.sid, audience=audience, created_at=now))
    db.flush()
    return Opened(session, cookie)


def by_cookie(
    db: Session, cookie: str | None, *, audience: CookieAudience, policy: IdentityPolicy, now: datetime
) -> StaffSession | None:
    """The live session of this cookie, or None. Marks it as seen."""
    if not cookie:
        return None
    query = (
        select(StaffSession)
        .join(SessionCookie, SessionCookie.sid == StaffSession.sid)
        .where(SessionCookie.digest == secret_digest(cookie), SessionCookie.audience == audience)
    )
    return _live(db.scalars(query).one_or_none(), policy=policy, now=now)


def by_sid(db: Session, sid: str, *, policy: IdentityPolicy, now: datetime) -> StaffSession | None:
    """The live session of this id, or None. Marks it as seen."""
    return _live(db.get(StaffSession, sid, populate_existing=True), policy=policy, now=now)


def by_refresh(db: Session, token: RefreshToken, *, policy: IdentityPolicy, now: datetime) -> StaffSession | None:
    """The session behind a refresh token if it is alive at the vault or by its clients' use; not marked as seen."""
    session = db.get(StaffSession, token.sid, populate_existing=True)
    if session is None or not is_live(session, policy=policy, now=now, used_at=token.created_at):
        return None
    return session


def is_live(session: StaffSession, *, policy: IdentityPolicy, now: datetime, used_at: datetime | None = None) -> bool:
    """Whether a session may go on; `used_at` is a sign of life besides those at the vault."""
    last = max(session.last_seen_at, used_at or session.last_seen_at)
    return (
        session.ended_at is None
        and now < session.expires_at
        and now - last < policy.session_idle
        and session.staff.may_sign_in
    )


def live_of(db: Session, staff_id: str, *, policy: IdentityPolicy, now: datetime) -> Sequence[Listed]:
    """A person's sessions that are alive at the vault or in a client, newest first."""
    used = select(func.max(RefreshToken.created_at)).where(RefreshToken.sid == StaffSession.sid).scalar_subquery()
    query = select(StaffSession, used).where(StaffSession.staff_id == staff_id, StaffSession.ended_at.is_(None))
    rows = db.execute(query.order_by(StaffSession.created_at.desc()))
    listed = [Listed(session, used_at) for session, used_at in rows]
    return [each for each in listed if is_live(each.session, policy=policy, now=now, used_at=each.client_used_at)]


def end(db: Session, sid: str, *, reason: str, now: datetime) -> bool:
    """Ends a session; everything that hangs on it stops with it. False when it had ended before."""
    ended = db.execute(
        update(StaffSession)
        .where(StaffSession.sid == sid, StaffSession.ended_at.is_(None))
        .values(ended_at=now, end_reason=reason)
        .returning(StaffSession.sid)
    )
    return ended.one_or_none() is not None


def end_all(db: Session, staff_id: str, *, reason: str, now: datetime, but: str | None = None) -> list[str]:
    """Ends every session of a person, except one if named. Returns the ids that were ended."""
    ended = db.execute(
        update(StaffSession)
        .where(StaffSession.staff_id == staff_id, StaffSession.ended_at.is_(None))
        .where(StaffSession.sid != (but or ""))
        .values(ended_at=now, end_reason=reason)
        .returning(StaffSession.sid)
    )
    return list(ended.scalars())


def _live(session: StaffSession | None, *, policy: IdentityPolicy, now: datetime) -> StaffSession | None:
    if session is None or not is_live(session, policy=policy, now=now):
        return None
    if (now - session.last_seen_at).total_seconds() > SEEN_EVERY_SECONDS:
        session.last_seen_at = now
    return session
