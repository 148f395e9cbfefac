"""Values that are stored already: found by the blind index, decrypted and compared before anything relies on them."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pii_vault import store
from pii_vault.core.classes import FieldClass, normalise
from pii_vault.errors import InvalidValue, TamperedCiphertext
from pii_vault.operations.ciphers import ACTIVE, Ciphers, load_ciphers, open_row
from pii_vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Known:
    """One stored value that equals the one looked for."""

    token: bytes
    subject: bytes
    retention: int
    state: bytes
    deterministic: bool

    @property
    def active(self) -> bool:
        return self.state == ACTIVE


Place = tuple[int, bytes]  # class key, digest
OPENED_EACH = 200  # rows of one place that are opened at most: a value that thousands share must not stop the worker


@dataclass(slots=True)
class Found:
    """Equal values by their place in the index, one of each subject; and every token that was looked at."""

    values: dict[Place, list[Known]] = field(default_factory=dict)
    seen: dict[bytes, set[bytes]] = field(default_factory=dict)  # by digest


async def find_equal(
    vault: Vault,
    tenant: str,
    tenant_key: int,
    wanted: Mapping[Place, str],
    also: Mapping[Place, Place] | None = None,
    *,
    owners: Mapping[Place, Collection[bytes]] | None = None,
    reusable: Callable[[Known], bool] = lambda _known: False,
) -> Found:
    """Stored values equal to the wanted ones: (class key, digest) → normal form. The oldest come first.

    `also`: digests of the same values under other versions of the index key → the place that is asked about.
    Of one subject with several equal values a reusable one is taken. Of each place OPENED_EACH rows are opened at
    most: those of its `owners` first, then reusable ones, then others.
    """
    others = also or {}
    digests = list({digest for _, digest in (*wanted, *others)})
    rows = await store.fetch(vault.pool, store.FETCH_CANDIDATES, digests, tenant_key)
    found = Found()
    by_place: dict[Place, dict[bytes, _Candidate]] = {}
    for row in rows:
        found.seen.setdefault(row[7], set()).add(row[0])
        place = (row[2], row[7])
        place = others.get(place, place)
        if place not in wanted:
            continue
        known = Known(row[0], row[1], row[3], row[4], row[6])
        of_place = by_place.setdefault(place, {})
        before = of_place.get(row[1])
        if before is None or (reusable(known) and not reusable(before.known)):
            of_place[row[1]] = _Candidate(row, known)
    chosen = {
        place: _first(list(candidates.values()), owners.get(place, ()) if owners else (), reusable)
        for place, candidates in by_place.items()
    }
    places = {(row[1], row[3]) for candidates in chosen.values() for row, _ in candidates}
    ciphers = await load_ciphers(vault, tenant, tenant_key, places)
    for place, candidates in chosen.items():
        field_class, normal = vault.classes.by_key(place[0]), wanted[place]
        equal = [known for row, known in candidates if _holds(field_class, normal, row, ciphers, tenant_key)]
        if equal:
            found.values[place] = equal
    return found


class _Candidate(NamedTuple):
    row: Any
    known: Known


def _first(
    candidates: list[_Candidate], owners: Collection[bytes], reusable: Callable[[Known], bool]
) -> list[_Candidate]:
    if len(candidates) > OPENED_EACH:
        candidates.sort(key=lambda each: (each.known.subject not in owners, not reusable(each.known)))
        del candidates[OPENED_EACH:]
    return candidates


def _holds(field_class: FieldClass, normal: str, row: Any, ciphers: Ciphers, tenant_key: int) -> bool:
    """Compares the value itself. What does not open equals nothing."""
    cipher = ciphers.get((row[1], row[3]))
    if cipher is None:
        return False
    try:
        value = open_row(cipher, row, tenant_key=tenant_key)
        return value == normal or normalise(field_class, value) == normal
    except (TamperedCiphertext, InvalidValue):
        return False
