"""Parts by which values are found: last four digits, mail domain, beginning of a name.

Indexed only where the operator switched it on: `search_plan` says for which tenant, class and kind, and how many bits
of the hash are kept.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from pii_vault import store
from pii_vault.core.blind_index import VersionedIndexer, part_place, part_text
from pii_vault.core.classes import FieldClass
from pii_vault.core.search_keys import KeyKind, search_keys
from pii_vault.keys.versions import IndexVersions
from pii_vault.operations.caches import TENANT_SECONDS

if TYPE_CHECKING:
    import asyncpg

    from pii_vault.operations.write import Act
    from pii_vault.vault import Vault

FETCH_PLAN: Final = "SELECT class_key, kind, bits, old_bits FROM search_plan WHERE tenant_key = $1"


class Cut(NamedTuple):
    """How many bits are kept; while entries are rebuilt `old` is searched too."""

    bits: int
    old: int | None


Plan = Mapping[int, Mapping[str, Cut]]  # class key → kind → cut
NOTHING: Final[Plan] = MappingProxyType({})


class SearchPlans:
    """Which parts a tenant has indexed, as the database said at most TENANT_SECONDS ago."""

    def __init__(self, pool: "asyncpg.Pool", *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._monotonic = monotonic
        self._known: dict[int, tuple[float, Plan]] = {}

    async def get(self, tenant_key: int) -> Plan:
        """Raises StoreUnavailable."""
        now = self._monotonic()
        known = self._known.get(tenant_key)
        if known is None or known[0] < now:
            plan: dict[int, dict[str, Cut]] = {}
            for class_key, kind, bits, old in await store.fetch(self._pool, FETCH_PLAN, tenant_key):
                plan.setdefault(class_key, {})[kind] = Cut(bits, old)
            known = self._known[tenant_key] = (now + TENANT_SECONDS, plan or NOTHING)
        return known[1]


@dataclass(frozen=True, slots=True)
class PartRow:
    """A row of search_key."""

    token: bytes
    tenant_key: int
    class_key: int
    index_version: int
    places: list[int]


def places_of(
    field_class: FieldClass, value: str, *, tenant_key: int, indexer: VersionedIndexer, cuts: Mapping[str, Cut]
) -> list[int]:
    """Where this value has to be found, under the version that is written. Raises InvalidValue."""
    return [
        part_place(
            indexer.digest(part_text(kind, key)),
            tenant_key=tenant_key,
            class_key=field_class.key,
            kind=kind,
            bits=cuts[kind].bits,
        )
        for kind, key in search_keys(field_class, value)
        if kind in cuts
    ]


def part_rows(
    plan: Plan,
    values: Iterable[tuple[bytes, tuple[FieldClass, VersionedIndexer | None], str]],
    act: "Act",
) -> Iterator[PartRow]:
    """The rows of an act's new values (token, class and its indexer, value), of the classes indexed so."""
    tenant_key, version = act.tenant_key, act.index_version
    for token, (field_class, indexer), value in values:
        cuts = plan.get(field_class.key)
        if cuts is not None and indexer is not None:
            places = places_of(field_class, value, tenant_key=tenant_key, indexer=indexer, cuts=cuts)
            if places:
                yield PartRow(token, tenant_key, field_class.key, version, places)


def places_to_search(
    field_class: FieldClass, kind: KeyKind, key: str, *, tenant_key: int, indexer: VersionedIndexer, cut: Cut
) -> list[int]:
    """Everywhere a value with this part may stand: under each version and each cut in use."""
    return [
        part_place(digest, tenant_key=tenant_key, class_key=field_class.key, kind=kind, bits=bits)
        for digest in indexer.digests(part_text(kind, key))
        for bits in dict.fromkeys((cut.bits, cut.old))
        if bits is not None
    ]


async def places_in(
    vault: "Vault", tenant: str, field_class: FieldClass, value: str, *, versions: IndexVersions
) -> list[int]:
    """`places_of` for one value, by the plan of its tenant. Raises InvalidValue, StoreUnavailable."""
    tenant_key = await vault.tenants.key(tenant)
    cuts = (await vault.search_plans.get(tenant_key)).get(field_class.key)
    if not cuts:
        return []
    indexer = await vault.index_keys.get(tenant, field_class.id, versions)
    return places_of(field_class, value, tenant_key=tenant_key, indexer=indexer, cuts=cuts)


async def insert_parts(connection: "asyncpg.Connection", rows: Sequence[PartRow]) -> None:
    await connection.copy_records_to_table(
        "search_key",
        records=[(row.token, row.tenant_key, row.class_key, row.index_version, row.places) for row in rows],
        columns=["token", "tenant_key", "class_key", "index_version", "places"],
    )
