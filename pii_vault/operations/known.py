"""Values that are stored already: found by the blind index, decrypted and compared before anything relies on them."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from pii_vault import store
from pii_vault.core.classes import normalise
from pii_vault.core.envelope import place_opener
from pii_vault.errors import InvalidValue, TamperedCiphertext
from pii_vault.operations.ciphers import ACTIVE, load_keyed
from pii_vault.packed import (
    CANDIDATE,
    FETCH_CANDIDATES,
    FETCH_FEW_CANDIDATES,
    GROUP_BYTES,
    PLACE_IN_CANDIDATE,
    PackedRows,
    group_of,
    read_packed,
)
from pii_vault.vault import Vault


class Known(NamedTuple):
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


# A row with a digest that is looked for: what Known says of it, whose key opens it, where it begins and ends.
_Candidate = tuple[Known, bytes, int, int]


@dataclass(slots=True)
class Found:
    """Equal values by their place in the index, one of each subject; and every row that was looked at."""

    values: dict[Place, list[Known]] = field(default_factory=dict)
    rows: list[tuple[bytes, bytes]] = field(default_factory=list)  # digest, token

    def seen(self, digests: Iterable[bytes]) -> set[bytes]:
        """The tokens that stand under these digests."""
        wanted = set(digests)
        return {token for digest, token in self.rows if digest in wanted}


async def find_equal(
    vault: Vault,
    tenant: str,
    tenant_key: int,
    wanted: Mapping[Place, str],
    also: Mapping[Place, Place] | None = None,
    *,
    owners: Mapping[Place, Collection[bytes]] | None = None,
    reusable: Callable[[Known], bool] = lambda _known: False,
    read: store.Fetch | None = None,
) -> Found:
    """Stored values equal to the wanted ones: (class key, digest) → normal form. The oldest come first.

    `also`: digests of the same values under other versions of the index key → the place that is asked about.
    Of one subject with several equal values a reusable one is taken. Of each place OPENED_EACH rows are opened at
    most: those of its `owners` first, then reusable ones, then others. Read from the primary unless `read` is given:
    what is going to be written stands on what is found.
    """
    others = also or {}
    digests = list({digest for _, digest in (*wanted, *others)})
    fetch = read or partial(store.fetch, vault.pool)
    rows = read_packed(await fetch(FETCH_FEW_CANDIDATES, digests, tenant_key))
    found = Found()
    by_place = _by_place(rows, wanted, others, found)
    if len(found.rows) > store.FEW_CANDIDATES:
        rows = read_packed(await fetch(FETCH_CANDIDATES, digests, tenant_key))
        found = Found()
        by_place = _by_place(rows, wanted, others, found)
    for place, alike in by_place.items():
        if len(alike) > 1:
            by_place[place] = _chosen(alike, owners.get(place, ()) if owners else (), reusable)
    keys = {key for chosen in by_place.values() for _, key, _, _ in chosen}
    ciphers = await load_keyed(vault, tenant, tenant_key, keys, read=read)
    open_value = place_opener(tenant_key=tenant_key)
    for place, chosen in by_place.items():
        normal, equal = wanted[place], []
        for known, key, at, end in chosen:
            cipher = ciphers.get(key)
            if cipher is None:
                continue
            try:
                start = at + CANDIDATE.size
                value = open_value(cipher, rows.data, at + PLACE_IN_CANDIDATE, start, end).decode()
                if value == normal or normalise(vault.classes.by_key(place[0]), value) == normal:
                    equal.append(known)
            except (TamperedCiphertext, InvalidValue, UnicodeDecodeError):
                continue  # what does not open equals nothing
        if equal:
            found.values[place] = equal
    return found


def _by_place(
    rows: PackedRows, wanted: Mapping[Place, str], others: Mapping[Place, Place], found: Found
) -> dict[Place, list[_Candidate]]:
    """The rows of each place that is asked about. `found` learns of every row."""
    by_place: dict[Place, list[_Candidate]] = {}
    data, persons, unpack, seen = rows.data, rows.persons, CANDIDATE.unpack_from, found.rows.append
    end = 0
    while end < len(data):
        at = end
        digest, deterministic, key, class_key, token, size = unpack(data, at)
        end = at + CANDIDATE.size + size
        subject = key[GROUP_BYTES:]
        person = persons.get(subject)
        if person is None:
            continue
        seen((digest, token))
        place = (class_key, digest)
        if others:
            place = others.get(place, place)
        if place in wanted:
            known = Known(token, subject, group_of(key), person[:1], deterministic)
            alike = by_place.get(place)
            if alike is None:
                by_place[place] = [(known, key, at, end)]
            else:
                alike.append((known, key, at, end))
    return by_place


def _chosen(rows: list[_Candidate], owners: Collection[bytes], reusable: Callable[[Known], bool]) -> list[_Candidate]:
    """One row of each subject, OPENED_EACH at most."""
    first: dict[bytes, _Candidate] = {}
    for row in rows:
        before = first.get(row[0].subject)
        if before is None or (reusable(row[0]) and not reusable(before[0])):
            first[row[0].subject] = row
    chosen = list(first.values())
    if len(chosen) > OPENED_EACH:
        chosen.sort(key=lambda row: (row[0].subject not in owners, not reusable(row[0])))
        del chosen[OPENED_EACH:]
    return chosen
