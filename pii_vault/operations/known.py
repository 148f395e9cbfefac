"""Values that are stored already: found by the blind index, decrypted and compared before anything relies on them."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pii_vault import store
from pii_vault.core.classes import FieldClass, normalise
from pii_vault.core.envelope import value_opener
from pii_vault.core.primitives import ValueCipher
from pii_vault.errors import InvalidValue, TamperedCiphertext
from pii_vault.operations.ciphers import ACTIVE, Ciphers, load_ciphers
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
Opener = Callable[[ValueCipher, bytes, bytes, int, bytes], bytes]
OPENED_EACH = 200  # rows of one place that are opened at most: a value that thousands share must not stop the worker


@dataclass(slots=True)
class Found:
    """Equal values by their place in the index, one of each subject; and every row that was looked at."""

    values: dict[Place, list[Known]] = field(default_factory=dict)
    rows: list[Any] = field(default_factory=list, repr=False)

    def seen(self, digests: Iterable[bytes]) -> set[bytes]:
        """The tokens that stand under these digests."""
        wanted = set(digests)
        return {row[0] for row in self.rows if row[7] in wanted}


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
    rows = await store.fetch(vault.pool, store.FETCH_FEW_CANDIDATES, digests, tenant_key)
    if len(rows) > store.FEW_CANDIDATES:
        rows = await store.fetch(vault.pool, store.FETCH_CANDIDATES, digests, tenant_key)
    found = Found(rows=rows)
    by_place: dict[Place, list[Any]] = {}
    for row in rows:
        place = (row[2], row[7])
        place = others.get(place, place)
        if place in wanted:
            by_place.setdefault(place, []).append(row)
    for place, alike in by_place.items():
        if len(alike) > 1:
            by_place[place] = _chosen(alike, owners.get(place, ()) if owners else (), reusable)
    places = {(row[1], row[3]) for chosen in by_place.values() for row in chosen}
    ciphers = await load_ciphers(vault, tenant, tenant_key, places)
    open_value = value_opener(tenant_key=tenant_key)
    for place, chosen in by_place.items():
        field_class, normal = vault.classes.by_key(place[0]), wanted[place]
        equal = [_known(row) for row in chosen if _holds(field_class, normal, row, ciphers, open_value)]
        if equal:
            found.values[place] = equal
    return found


def _known(row: Any) -> Known:
    return Known(row[0], row[1], row[3], row[4], row[6])


def _chosen(rows: list[Any], owners: Collection[bytes], reusable: Callable[[Known], bool]) -> list[Any]:
    """One row of each subject, OPENED_EACH at most."""
    first: dict[bytes, Any] = {}
    for row in rows:
        before = first.get(row[1])
        if before is None or (reusable(_known(row)) and not reusable(_known(before))):
            first[row[1]] = row
    chosen = list(first.values())
    if len(chosen) > OPENED_EACH:
        chosen.sort(key=lambda row: (row[1] not in owners, not reusable(_known(row))))
        del chosen[OPENED_EACH:]
    return chosen


def _holds(field_class: FieldClass, normal: str, row: Any, ciphers: Ciphers, open_value: Opener) -> bool:
    """Compares the value itself. What does not open equals nothing."""
    cipher = ciphers.get((row[1], row[3]))
    if cipher is None:
        return False
    try:
        value = open_value(cipher, row[5], row[1], row[2], row[0]).decode()
        return value == normal or normalise(field_class, value) == normal
    except (TamperedCiphertext, InvalidValue, UnicodeDecodeError):
        return False
