"""Ready-made staff for the demo shop and for tests: no invitation, a known password and second factor."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pii_vault.identity import factor
from pii_vault.identity.keys import IdentityKeys
from pii_vault.identity.models import Role, Staff
from pii_vault.identity.passwords import PasswordKeeper
from pii_vault.identity.staff import new_staff


def seed_staff(
    db: Session,
    *,
    keys: IdentityKeys,
    passwords: PasswordKeeper,
    now: datetime,
    tenant: str,
    alias: str,
    login: str,
    role: Role,
    password: str,
    totp_secret: str,
) -> str:
    """Idempotent by login: a person who is there already gets this alias, role, password and second factor.

    Returns:
        The staff id.
    """
    query = select(Staff).where(Staff.login_digest == keys.login_digest(login))
    staff = db.scalars(query).one_or_none() or new_staff(
        db, keys, tenant=tenant, login=login, alias=alias, role=role, now=now
    )
    staff.alias = alias
    staff.role = role
    staff.state = "active"
    if staff.password_hash is None or not passwords.matches(password, staff.password_hash):
        staff.password_hash = passwords.hash(password)
    staff.totp_sealed = factor.seal(keys, staff.id, factor.Factor(totp_secret))
    staff.changed_at = now
    db.flush()
    return staff.id
