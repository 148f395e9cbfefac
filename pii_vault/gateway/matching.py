"""Which known subject a person is: by phone, else by email. Pure: rows in, subject and hints out."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from pii_vault.gateway.parties import Party
from pii_vault.operations.ciphers import ACTIVE


@dataclass(slots=True)
class Candidate:
    """A subject who shares a phone or an email, or who stood in the object before, oldest values first."""

    subject: bytes
    rows: list[Any] = field(default_factory=list, repr=False)

    def holds(self, class_key: int, digests: Sequence[bytes]) -> bool:
        return any(row["class_key"] == class_key and row["digest"] in digests for row in self.rows)


@dataclass(frozen=True, slots=True)
class Match:
    """`candidate` is None for a person nobody knows. `duplicates`: (other subject, class) they may be."""

    candidate: Candidate | None
    duplicates: Sequence[tuple[bytes, int]] = ()


def gather(rows: Sequence[Any], *, unusable: AbstractSet[bytes]) -> dict[bytes, Candidate]:
    """Rows by subject, in their order; erased, blocked and unusable subjects take no new values."""
    found: dict[bytes, Candidate] = {}
    for row in rows:
        if row["state"] == ACTIVE and row["subject"] not in unusable:
            candidate = found.setdefault(row["subject"], Candidate(row["subject"]))
            if row["token"] is not None:
                candidate.rows.append(row)
    return found


def match(
    party: Party,
    candidates: Mapping[bytes, Candidate],
    *,
    class_keys: tuple[int, int],
    before: tuple[bytes | None, bytes | None],
) -> Match:
    """The subject of this person.

    `class_keys` are those of phone and email; `before` is who stood here in the object's last event, and the
    identity hash of then: as long as phone and email stay, so does the subject. A phone of one subject and an
    email of another open a new subject with a hint at both.
    """
    previous, identity = before
    if previous is not None and identity in party.identities and previous in candidates:
        return Match(candidates[previous])
    phone_key, email_key = class_keys
    by_phone = [each for each in candidates.values() if each.holds(phone_key, party.digests("phone"))]
    by_email = [each for each in candidates.values() if each.holds(email_key, party.digests("email"))]
    both = [each for each in by_phone if each in by_email]
    if both:
        return Match(both[0])
    if by_phone and by_email:
        return Match(None, ((by_phone[0].subject, phone_key), (by_email[0].subject, email_key)))
    return Match(next(iter(by_phone or by_email), None))
