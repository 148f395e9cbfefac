"""Values that are stored already: found by the blind index, decrypted and compared before anything relies on them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pii_vault import store
from pii_vault.core.classes import normalise
from pii_vault.errors import InvalidValue, TamperedCiphertext
from pii_vault.operations.ciphers import ACTIVE, load_ciphers, open_row
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


@dataclass(slots=True)
class Found:
    """Equal values by their place in the index, oldest first; and every token that was looked at."""

    values: dict[tuple[int, bytes], list[Known]] = field(default_factory=dict)  # (class key, digest)
    seen: set[bytes] = field(default_factory=set)


Place = tuple[int, bytes]  # class key, digest


async def find_equal(
    vault: Vault,
    tenant: str,
    tenant_key: int,
    wanted: Mapping[Place, str],
    also: Mapping[Place, Place] | None = None,
) -> Found:
    """Stored values equal to the wanted ones: (class key, digest) → normal form.

    `also`: digests of the same values under other versions of the index key → the place that is asked about.
    """
    others = also or {}
    digests = list({digest for _, digest in (*wanted, *others)})
    rows = await store.fetch(vault.pool, store.FETCH_CANDIDATES, digests, tenant_key)
    opened = await _open(vault, tenant, tenant_key, rows)
    found = Found(seen={row[0] for row in rows})
    for row, normal in opened:
        place = (row[2], row[7])
        place = others.get(place, place)
        if wanted.get(place) == normal:
            known = Known(row[0], row[1], row[3], row[4], row[6])
            found.values.setdefault(place, []).append(known)
    return found


async def _open(vault: Vault, tenant: str, tenant_key: int, rows: list[Any]) -> list[tuple[Any, str]]:
    """Rows with their values in normal form. What does not open equals nothing."""
    ciphers = await load_ciphers(vault, tenant, tenant_key, {(row[1], row[3]) for row in rows})
    opened = []
    for row in rows:
        cipher = ciphers.get((row[1], row[3]))
        if cipher is None:
            continue
        try:
            value = open_row(cipher, row, tenant_key=tenant_key)
            opened.append((row, normalise(vault.classes.by_key(row[2]), value)))
        except (TamperedCiphertext, InvalidValue):
            continue
    return opened
