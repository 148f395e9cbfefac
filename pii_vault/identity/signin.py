"""Signing in: password, then second factor, then a session. Synchronous; each step is its own transaction.

A try is counted and committed before it is checked. Unknown logins, wrong passwords, disabled staff and suspended
tenants take the same path, the same time and the same answer.
"""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from pii_vault.identity import factor, store, totp
from pii_vault.identity.context import OpenIdentity
from pii_vault.identity.errors import SecondFactorRefused, SigninExpired, SigninRefused
from pii_vault.identity.keys import address_block, new_secret, secret_digest
from pii_vault.identity.models import SigninAttempt, Staff
from pii_vault.identity.record import NOBODY, Person
from pii_vault.identity.throttle import Counter, count_try, forgive, take_back

Proof = Literal["app", "recovery"]


@dataclass(frozen=True, slots=True)
class Try:
    """A try that has been counted: by what it was counted."""

    account: bytes
    block: bytes


@dataclass(frozen=True, slots=True)
class SignedIn:
    """`cookie` is the new session's; every cookie the browser brought along is void."""

    person: Person
    cookie: str


class Refused(Exception):
    """A try that failed: who it was meant for (for the record) and the error to show."""

    def __init__(self, person: Person, error: Exception) -> None:
        super().__init__(type(error).__name__)
        self.person = person
        self.error = error


def count_password_try(issuer: OpenIdentity, *, login: str, address: str | None) -> Try:
    """Raises TooManyAttempts: then nothing may be checked."""
    account = issuer.keys.throttle_digest("login", issuer.keys.login_digest(login).hex())
    block = issuer.keys.throttle_digest("address", address_block(address))
    _count(issuer, account, block)
    return Try(account, block)


def take_back_try(issuer: OpenIdentity, counted: Try) -> None:
    """Nothing was checked, so nothing was tried."""
    with issuer.sessions.begin() as db:
        take_back(db, (counted.account, counted.block))


def check_password(issuer: OpenIdentity, counted: Try, *, login: str, password: str) -> tuple[Person, str]:
    """The person, and the secret of a sign-in attempt that now waits for its second factor. Hashes: see `hash_work`.

    Raises:
        Refused: with SigninRefused.
        AuditUnavailable: the try cannot be recorded, and was not let through.
    """
    with issuer.sessions() as db:
        query = select(Staff).where(Staff.login_digest == issuer.keys.login_digest(login))
        staff = db.scalars(query).one_or_none()
        person = _person(staff)
        stored, usable = (staff.password_hash, staff.may_sign_in) if staff else (None, False)
    # The check takes its time outside any transaction, and takes it whoever was asked for.
    matches = issuer.passwords.matches(password, stored)
    if not (matches and usable):
        raise Refused(person, SigninRefused())
    newer = issuer.passwords.hash(password) if stored and issuer.passwords.is_outdated(stored) else None
    attempt = new_secret()
    now = issuer.now()
    with issuer.sessions.begin() as db:
        forgive(db, account=counted.account, address=counted.block)
        db.add(
            SigninAttempt(
                digest=secret_digest(attempt),
                staff_id=person.staff_id,
                created_at=now,
                expires_at=now + issuer.policy.signin_attempt_lifetime,
            )
        )
        if newer:
            same = (Staff.id == person.staff_id, Staff.password_hash == stored)
            db.execute(update(Staff).where(*same).values(password_hash=newer))
        issuer.record(db, person, "signin_password")
    return person, attempt


def check_second_factor(
    issuer: OpenIdentity,
    *,
    attempt: str | None,
    code: str,
    address: str | None,
    device: str,
    old_cookie: str | None,
) -> SignedIn:
    """The session of a person who has now proved both factors. A session of the same person in this browser goes on
    under a new cookie; one of another person ends.

    Raises:
        SigninExpired: no password was proved in this browser in the last minutes.
        TooManyAttempts: nothing was checked.
        Refused: with SecondFactorRefused.
        AuditUnavailable: nobody enters unrecorded; the code is not spent.
    """
    with issuer.sessions() as db:
        staff_id = _waiting(db, attempt, issuer).staff_id
    account = issuer.keys.throttle_digest("factor", staff_id)
    block = issuer.keys.throttle_digest("address", address_block(address))
    _count(issuer, account, block)
    now = issuer.now()
    with issuer.sessions.begin() as db:
        waiting = _waiting(db, attempt, issuer)
        person = _person(waiting.staff)
        proof = _accept_code(db, issuer, waiting.staff, code)
        if proof is None:
            raise Refused(person, SecondFactorRefused())
        forgive(db, account=account, address=block)
        db.delete(waiting)
        old = store.by_cookie(db, old_cookie, audience="vault", policy=issuer.policy, now=now)
        displaced: Person | None = None
        if old is not None and old.staff_id == person.staff_id:
            session = old
            store.renew(db, session, policy=issuer.policy, now=now)
        else:
            if old is not None and store.end(db, old.sid, reason="another_person", now=now):
                displaced = _person(old.staff)
            session = store.begin(db, staff_id=person.staff_id, device=device, policy=issuer.policy, now=now)
        opened = store.give_cookie(db, session, audience="vault", now=now)
        if displaced is not None:
            issuer.record(db, displaced, "session_end", "another_person")
        if proof == "recovery":
            issuer.record(db, person, "recovery_code")
        issuer.record(db, person, "signin")
        return SignedIn(person, opened.cookie)


def forget_attempt(issuer: OpenIdentity, attempt: str | None) -> None:
    if attempt:
        with issuer.sessions.begin() as db:
            db.execute(delete(SigninAttempt).where(SigninAttempt.digest == secret_digest(attempt)))


def is_waiting(issuer: OpenIdentity, attempt: str | None) -> bool:
    """Whether this browser has proved a password and may be asked for the second factor."""
    with issuer.sessions() as db:
        try:
            _waiting(db, attempt, issuer)
        except SigninExpired:
            return False
        return True


def _count(issuer: OpenIdentity, account: bytes, block: bytes) -> None:
    counters = [
        Counter(account, issuer.policy.account_free_failures),
        Counter(block, issuer.policy.address_free_failures),
    ]
    with issuer.sessions.begin() as db:
        count_try(db, counters, policy=issuer.policy, now=issuer.now())


def _waiting(db: Session, attempt: str | None, issuer: OpenIdentity) -> SigninAttempt:
    found = db.get(SigninAttempt, secret_digest(attempt)) if attempt else None
    if found is None or found.expires_at <= issuer.now() or not found.staff.may_sign_in:
        raise SigninExpired
    return found


def _accept_code(db: Session, issuer: OpenIdentity, staff: Staff, code: str) -> Proof | None:
    """Spends the code, the app's or a recovery code: of two requests with the same one, the row lets one through."""
    db.refresh(staff, with_for_update={"of": Staff})
    enrolled = factor.read(issuer.keys, staff)
    if enrolled is None or not staff.may_sign_in:
        return None
    step = totp.accepted_step(enrolled.secret, code, last_step=staff.totp_step, now=issuer.now())
    if step is not None:
        staff.totp_step = step
        return "app"
    left = factor.spend(issuer.keys, staff.id, enrolled, code)
    if left is None:
        return None
    staff.totp_sealed = factor.seal(issuer.keys, staff.id, left)
    return "recovery"


def _person(staff: Staff | None) -> Person:
    return Person(staff.id, staff.tenant.id) if staff else NOBODY
