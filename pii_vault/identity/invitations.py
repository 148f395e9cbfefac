"""Accepting a link: choose a password, enrol the second factor; or, after a reset, enrol a new second factor."""

from dataclasses import dataclass

from sqlalchemy import update
from sqlalchemy.orm import Session

from pii_vault.identity import factor, totp
from pii_vault.identity.context import OpenIdentity
from pii_vault.identity.errors import InvitationInvalid, SecondFactorRefused, SigninRefused
from pii_vault.identity.keys import address_block, secret_digest
from pii_vault.identity.models import Invitation, Staff
from pii_vault.identity.record import Person
from pii_vault.identity.signin import Refused, Try
from pii_vault.identity.throttle import Counter, count_try, forgive


@dataclass(frozen=True, slots=True)
class Offer:
    """What the page shows. `secret` is the second factor to be enrolled: never logged, never in an address."""

    kind: str
    alias: str
    shop: str
    secret: str

    @property
    def provisioning_uri(self) -> str:
        return totp.provisioning_uri(self.secret, label=self.alias)

    def __repr__(self) -> str:
        return f"Offer({self.kind})"


def read_offer(issuer: OpenIdentity, code: str) -> Offer:
    """What a link offers. Raises InvitationInvalid when it is unknown, used or expired."""
    with issuer.sessions() as db:
        return _offer(issuer, _valid(db, issuer, code))


def count_invitation_try(issuer: OpenIdentity, code: str, *, password: str, address: str | None) -> Try:
    """Counts a try behind a link whose form is in order.

    Raises:
        InvitationInvalid, WeakPassword, TooManyAttempts: nothing may be checked.
    """
    with issuer.sessions() as db:
        invitation = _valid(db, issuer, code)
        staff_id = invitation.staff_id
        offer = _offer(issuer, invitation)
        login = issuer.keys.open(invitation.staff.login_sealed, context=f"staff/{staff_id}/login")
    if offer.kind == "invitation":
        issuer.passwords.require_strong(password, told=(login, offer.alias, offer.shop))
    account = issuer.keys.throttle_digest("invitation", staff_id)
    block = issuer.keys.throttle_digest("address", address_block(address))
    with issuer.sessions.begin() as db:
        counters = [
            Counter(account, issuer.policy.account_free_failures),
            Counter(block, issuer.policy.address_free_failures),
        ]
        count_try(db, counters, policy=issuer.policy, now=issuer.now())
    return Try(account, block)


def accept(issuer: OpenIdentity, counted: Try, code: str, *, password: str, one_time: str) -> tuple[str, ...]:
    """Spends the link. The password is new for an invitation and the current one after a reset. Hashes: `hash_work`.

    Returns:
        The recovery codes of the new second factor; they cannot be had again.

    Raises:
        InvitationInvalid: nothing was changed.
        Refused: with SecondFactorRefused or, after a reset, SigninRefused; the link stays good.
        AuditUnavailable: nothing was changed.
    """
    with issuer.sessions() as db:
        invitation = _valid(db, issuer, code)
        person = Person(invitation.staff_id, invitation.staff.tenant.id)
        offer = _offer(issuer, invitation)
        stored = invitation.staff.password_hash
    if offer.kind == "second_factor" and not issuer.passwords.matches(password, stored):
        raise Refused(person, SigninRefused())
    step = totp.accepted_step(offer.secret, one_time, last_step=None, now=issuer.now())
    if step is None:
        raise Refused(person, SecondFactorRefused())
    hashed = issuer.passwords.hash(password) if offer.kind == "invitation" else stored
    with issuer.sessions.begin() as db:
        codes = _spend(db, issuer, code, hashed=hashed, offer=offer, step=step)
        forgive(db, account=counted.account, address=counted.block)
        issuer.record(db, person, "invitation")
    return codes


def _spend(
    db: Session, issuer: OpenIdentity, code: str, *, hashed: str | None, offer: Offer, step: int
) -> tuple[str, ...]:
    """The row decides which of two requests with one link is the first. Returns the recovery codes."""
    now = issuer.now()
    digest = secret_digest(code)
    spent = db.execute(
        update(Invitation)
        .where(Invitation.digest == digest, Invitation.used_at.is_(None), Invitation.expires_at > now)
        .values(used_at=now)
        .returning(Invitation.staff_id)
        .execution_options(synchronize_session=False)
    )
    if spent.one_or_none() is None:
        raise InvitationInvalid
    invitation = db.get_one(Invitation, digest)
    staff = invitation.staff
    db.refresh(staff, with_for_update={"of": Staff})
    if staff.state == "disabled":  # in the moment since the link was read: it must not let anybody in again
        raise InvitationInvalid
    staff.password_hash = hashed
    staff.totp_sealed, codes = factor.enrol(issuer.keys, staff.id, offer.secret)
    staff.totp_step = step
    staff.state = "active"
    staff.changed_at = now
    return codes


def _valid(db: Session, issuer: OpenIdentity, code: str) -> Invitation:
    invitation = db.get(Invitation, secret_digest(code))
    if (
        invitation is None
        or invitation.used_at is not None
        or invitation.expires_at <= issuer.now()
        or invitation.staff.state == "disabled"
        or invitation.staff.tenant.status != "active"
    ):
        raise InvitationInvalid
    return invitation


def _offer(issuer: OpenIdentity, invitation: Invitation) -> Offer:
    context = f"invitation/{invitation.digest.hex()}/totp"
    return Offer(
        kind=invitation.kind,
        alias=invitation.staff.alias,
        shop=invitation.staff.tenant.title or invitation.staff.tenant.id,
        secret=issuer.keys.open(invitation.totp_sealed, context=context),
    )
