"""Staff and tenants: the acts of the operator. Synchronous; each works in its caller's transaction."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pii_vault.core.detect import find_personal_data
from pii_vault.core.tokens import new_id
from pii_vault.identity import store, totp
from pii_vault.identity.errors import (
    InvalidAlias,
    InvalidLogin,
    InvalidTenantId,
    InvalidTitle,
    LoginTaken,
    UnknownStaff,
    UnknownTenant,
)
from pii_vault.identity.keys import IdentityKeys, new_secret, normal_login, secret_digest
from pii_vault.identity.models import Invitation, Role, Staff, Tenant
from pii_vault.identity.policy import IdentityPolicy

_TENANT_ID: Final = re.compile(r"[a-z][a-z0-9-]{2,39}")
_RESERVED: Final = "larets-"  # names of the vault's own keys in the key service
_LOGIN: Final = re.compile(r"[^\s\x00-\x1f]{3,120}")
_ALIAS_LENGTH: Final = 60
_TITLE_LENGTH: Final = 100


@dataclass(frozen=True, slots=True)
class Invited:
    """`code` stands in the link that the person opens; it is stored as a hash and cannot be shown again."""

    staff_id: str
    code: str
    expires_at: datetime


def require_tenant_id(tenant: str) -> None:
    """Raises InvalidTenantId; also for the names of the vault's own keys."""
    if not _TENANT_ID.fullmatch(tenant) or tenant.startswith(_RESERVED):
        raise InvalidTenantId


def add_tenant(db: Session, tenant: str, *, title: str) -> bool:
    """The row of a shop whose keys exist already, with its title; a shop that is there gets the title.

    Returns:
        Whether the shop is new.
    """
    made = db.execute(insert(Tenant).values(id=tenant).on_conflict_do_nothing().returning(Tenant.key)).one_or_none()
    set_title(db, tenant, title)
    return made is not None


def set_tenant_status(db: Session, tenant: str, status: Literal["active", "suspended"]) -> None:
    """Workers obey within seconds. Raises UnknownTenant."""
    changed = db.execute(update(Tenant).where(Tenant.id == tenant).values(status=status).returning(Tenant.key))
    if changed.one_or_none() is None:
        raise UnknownTenant


def set_title(db: Session, tenant: str, title: str) -> None:
    """The shop's name as its staff see it, on the issuer's pages and in the CRM.

    Raises:
        InvalidTitle: it is empty or long, or holds what looks like personal data: it crosses into the public contour.
        UnknownTenant.
    """
    title = " ".join(title.split())
    if not 1 <= len(title) <= _TITLE_LENGTH or not title.isprintable() or find_personal_data(title):
        raise InvalidTitle
    changed = db.execute(update(Tenant).where(Tenant.id == tenant).values(title=title).returning(Tenant.key))
    if changed.one_or_none() is None:
        raise UnknownTenant


def invite(
    db: Session,
    keys: IdentityKeys,
    *,
    tenant: str,
    login: str,
    alias: str,
    role: Role,
    policy: IdentityPolicy,
    now: datetime,
) -> Invited:
    """A new member of staff who has yet to choose a password and enrol a second factor."""
    staff = new_staff(db, keys, tenant=tenant, login=login, alias=alias, role=role, now=now)
    try:
        db.flush()
    except IntegrityError as error:
        raise LoginTaken from error
    return open_invitation(db, keys, staff, kind="invitation", policy=policy, now=now)


def new_staff(
    db: Session, keys: IdentityKeys, *, tenant: str, login: str, alias: str, role: Role, now: datetime
) -> Staff:
    """Adds the row to the session, not yet flushed."""
    if not _LOGIN.fullmatch(normal_login(login)):
        raise InvalidLogin
    alias = " ".join(alias.split())
    if not 1 <= len(alias) <= _ALIAS_LENGTH or "@" in alias:
        raise InvalidAlias
    shop = db.scalars(select(Tenant).where(Tenant.id == tenant)).one_or_none()
    if shop is None:
        raise UnknownTenant
    staff_id = new_id("stf")
    staff = Staff(
        id=staff_id,
        tenant_key=shop.key,
        tenant=shop,
        alias=alias,
        role=role,
        state="invited",
        login_digest=keys.login_digest(login),
        login_sealed=keys.seal(login.strip(), context=f"staff/{staff_id}/login"),
        created_at=now,
        changed_at=now,
    )
    db.add(staff)
    return staff


def open_invitation(
    db: Session, keys: IdentityKeys, staff: Staff, *, kind: str, policy: IdentityPolicy, now: datetime
) -> Invited:
    """A link that is good once. Links given out earlier to this person stop working."""
    db.execute(
        update(Invitation)
        .where(Invitation.staff_id == staff.id, Invitation.used_at.is_(None))
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )
    code = new_secret()
    digest = secret_digest(code)
    db.add(
        Invitation(
            digest=digest,
            staff_id=staff.id,
            kind=kind,
            totp_sealed=keys.seal(totp.new_secret(), context=f"invitation/{digest.hex()}/totp"),
            created_at=now,
            expires_at=now + policy.invitation_lifetime,
        )
    )
    db.flush()
    return Invited(staff.id, code, now + policy.invitation_lifetime)


def set_role(db: Session, staff_id: str, *, role: Role, now: datetime) -> Staff:
    """Takes effect with the next check of a token or cookie; the CRM sees it when it refreshes."""
    staff = get_staff(db, staff_id)
    staff.role = role
    staff.changed_at = now
    return staff


def set_enabled(db: Session, staff_id: str, *, enabled: bool, now: datetime) -> tuple[Staff, list[str]]:
    """Disabling ends every session. Enabling returns a person to the state they had: with a password, or invited."""
    staff = get_staff(db, staff_id)
    staff.state = ("active" if staff.password_hash else "invited") if enabled else "disabled"
    staff.changed_at = now
    ended = [] if enabled else store.end_all(db, staff_id, reason="staff_disabled", now=now)
    return staff, ended


def reset_second_factor(
    db: Session,
    keys: IdentityKeys,
    staff_id: str,
    *,
    policy: IdentityPolicy,
    now: datetime,
    password_too: bool = False,
) -> tuple[Staff, Invited, list[str]]:
    """The old second factor stops working at once and every session ends. The link enrols a new one; it asks for the
    current password, so that whoever finds the link has no way in, unless that is forgotten too (`password_too`).
    """
    staff = get_staff(db, staff_id)
    if password_too:
        staff.password_hash = None
        staff.state = "invited" if staff.state == "active" else staff.state
    staff.totp_sealed = None
    staff.totp_step = None
    staff.changed_at = now
    ended = store.end_all(db, staff_id, reason="second_factor_reset", now=now)
    kind = "second_factor" if staff.password_hash else "invitation"
    return staff, open_invitation(db, keys, staff, kind=kind, policy=policy, now=now), ended


def get_staff(db: Session, staff_id: str) -> Staff:
    staff = db.get(Staff, staff_id)
    if staff is None:
        raise UnknownStaff
    return staff


def find_staff(db: Session, keys: IdentityKeys, *, tenant: str, who: str) -> Staff:
    """By id, alias or login, within one tenant."""
    query = (
        select(Staff)
        .join(Tenant)
        .where(Tenant.id == tenant)
        .where((Staff.id == who) | (Staff.alias == who) | (Staff.login_digest == keys.login_digest(who)))
    )
    found = db.scalars(query).all()
    if len(found) != 1:
        raise UnknownStaff
    return found[0]


def list_staff(db: Session, tenant: str) -> Sequence[Staff]:
    return db.scalars(select(Staff).join(Tenant).where(Tenant.id == tenant).order_by(Staff.alias)).all()


def list_tenants(db: Session) -> Sequence[tuple[Tenant, int]]:
    """Tenants, each with the number of its staff."""
    query = select(Tenant, func.count(Staff.id)).outerjoin(Staff).group_by(Tenant.key).order_by(Tenant.id)
    return [(tenant, count) for tenant, count in db.execute(query)]
