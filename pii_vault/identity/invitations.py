"""Accepting a link: choose a password, enrol the second factor; or, after a reset, enrol a new second factor."""

from dataclasses import dataclass

from sqlalchemy import update
from sqlalchemy.orm import Session

from pii_vault.identity import totp
from pii_vault.identity.context import OpenIdentity
from pii_vault.identity.errors import InvitationInvalid, SecondFactorRefused, SigninRefused
from pii_vault.identity.keys import address_block, secret_digest
from pii_vault.identity.models import Invitation, Staff
from pii_vault.identity.signin import Person, Refused
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


def accept(issuer: OpenIdentity, code: str, *, password: str, factor: str, address: str | None) -> Person:
    """Spends the link. The password is new for an invitation and the current one after a reset.

    Raises:
        InvitationInvalid, WeakPassword, TooManyAttempts: nothing was changed.
        Refused: with SecondFactorRefused or, after a reset, SigninRefused; the link stays good.
    """
    with issuer.sessions() as db:
        invitation = _valid(db, issuer, code)
        person = Person(invitation.staff_id, invitation.staff.tenant.id)
        offer = _offer(issuer, invitation)
        stored = invitation.staff.password_hash
        login = issuer.keys.open(invitation.staff.login_sealed, context=f"staff/{person.staff_id}/login")
    account = issuer.keys.throttle_digest("invitation", person.staff_id)
    block = issuer.keys.throttle_digest("address", address_block(address))
    if offer.kind == "invitation":
        issuer.passwords.require_strong(password, told=(login, offer.alias, offer.shop))
    with issuer.sessions.begin() as db:
        counters = [
            Counter(account, issuer.policy.account_free_failures),
            Counter(block, issuer.policy.address_free_failures),
        ]
        count_try(db, counters, policy=issuer.policy, now=issuer.now())
    if offer.kind == "second_factor" and not issuer.passwords.matches(password, stored):
        raise Refused(person, SigninRefused())
    step = totp.accepted_step(offer.secret, factor, last_step=None, now=issuer.now())
    if step is None:
        raise Refused(person, SecondFactorRefused())
    hashed = issuer.passwords.hash(password) if offer.kind == "invitation" else stored
    with issuer.sessions.begin() as db:
        forgive(db, account=account, address=block)
        _spend(db, issuer, code, hashed=hashed, offer=offer, step=step)
    return person


def _spend(db: Session, issuer: OpenIdentity, code: str, *, hashed: str | None, offer: Offer, step: int) -> None:
    """The row decides which of two requests with one link is the first."""
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
    staff.totp_sealed = issuer.keys.seal(offer.secret, context=f"staff/{staff.id}/totp")
    staff.totp_step = step
    staff.state = "active"
    staff.changed_at = now


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
