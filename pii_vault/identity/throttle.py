"""Growing pauses after failed tries, per account and per block of addresses.

A try is counted before it is checked: a thousand guesses sent at once are a thousand counted tries, not one. The
account is counted by its login's keyed hash whether it exists or not, so the pause tells nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pii_vault.identity.errors import TooManyAttempts
from pii_vault.identity.models import Throttle
from pii_vault.identity.policy import IdentityPolicy


@dataclass(frozen=True, slots=True)
class Counter:
    """What is counted, and how many failures cost no pause."""

    digest: bytes
    free: int


def count_try(session: Session, counters: Sequence[Counter], *, policy: IdentityPolicy, now: datetime) -> None:
    """Count one try on each counter. Commit before the try is checked.

    Raises:
        TooManyAttempts: one of them is in its pause; none is counted.
    """
    rows = _locked_rows(session, counters, now=now)
    waits = [row.blocked_until - now for row in rows.values() if row.blocked_until and row.blocked_until > now]
    if waits:
        raise TooManyAttempts(math.ceil(max(waits).total_seconds()))
    for counter in counters:
        row = rows[counter.digest]
        if now - row.changed_at > policy.failures_forgotten_after:
            row.failures = 0
        row.failures += 1
        row.changed_at = now
        over = row.failures - counter.free
        row.blocked_until = now + pause(over, policy=policy) if over >= 0 else None


def pause(over: int, *, policy: IdentityPolicy) -> timedelta:
    """Doubles with each failure over the free ones, up to the longest."""
    return min(policy.first_delay * (1 << min(over, 20)), policy.longest_delay)


def forgive(session: Session, *, account: bytes, address: bytes) -> None:
    """After success: the account starts afresh; the address gets back only this one try, so that a person with one
    valid login cannot clear a block of addresses between guesses at others.
    """
    rows = _lock(session, sorted((account, address)))
    session.execute(delete(Throttle).where(Throttle.digest == account))
    row = rows.get(address)
    if row is not None and row.failures:
        row.failures -= 1
        row.blocked_until = None  # a try that was checked met no pause: this one was set by the try itself


def take_back(session: Session, digests: Sequence[bytes]) -> None:
    """The try was counted and then not checked at all: nobody may be made to wait for it."""
    for row in _lock(session, sorted(digests)).values():
        row.failures = max(0, row.failures - 1)
        row.blocked_until = None  # a try that was counted met no pause: this one was set by the try itself


def _locked_rows(session: Session, counters: Sequence[Counter], *, now: datetime) -> dict[bytes, Throttle]:
    """Rows in one order for everybody, so that two tries cannot wait for each other."""
    digests = sorted({counter.digest for counter in counters})
    rows: dict[bytes, Throttle] = {}
    # A success elsewhere may forgive an account, and so delete its row, between our insert and our lock.
    while len(rows) < len(digests):
        for digest in digests:
            values = {"digest": digest, "failures": 0, "changed_at": now}
            session.execute(insert(Throttle).values(values).on_conflict_do_nothing())
        rows = _lock(session, digests)
    return rows


def _lock(session: Session, digests: Sequence[bytes]) -> dict[bytes, Throttle]:
    query = select(Throttle).where(Throttle.digest.in_(digests)).order_by(Throttle.digest).with_for_update()
    return {row.digest: row for row in session.scalars(query)}
