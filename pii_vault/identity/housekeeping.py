"""Rows that have served their time. Called by the vault's worker now and then."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, or_
from sqlalchemy.orm import Session

from pii_vault.identity import throttle
from pii_vault.identity.models import AuthorizationCode, Invitation, SigninAttempt, StaffSession
from pii_vault.identity.policy import IdentityPolicy

KEPT: Final = timedelta(days=7)  # an ended session and its spent codes: long enough to notice a replay


def purge_expired(db: Session, *, policy: IdentityPolicy, now: datetime) -> None:
    """Sessions take their cookies, codes and refresh tokens with them. The audit log keeps what happened."""
    old = now - KEPT
    db.execute(delete(SigninAttempt).where(SigninAttempt.expires_at < now))
    db.execute(delete(AuthorizationCode).where(AuthorizationCode.expires_at < old))
    db.execute(delete(Invitation).where(Invitation.expires_at < old))
    db.execute(delete(StaffSession).where(or_(StaffSession.expires_at < old, StaffSession.ended_at < old)))
    throttle.purge(db, policy=policy, now=now)
