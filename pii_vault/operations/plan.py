"""Plans the index by parts: from the number of rows there are, how many bits of each hash are kept."""

from dataclasses import dataclass
from typing import Final

import asyncpg

from pii_vault import store
from pii_vault.core.blind_index import coincidences, plan_bits, room
from pii_vault.core.search_keys import KeyKind, kinds_of
from pii_vault.errors import InvalidRequest
from pii_vault.operations.rewrap import operator_entry, tenant_key_of
from pii_vault.vault import Vault

_ROWS: Final = """
SELECT class_key, count(*) AS rows FROM pii_value
WHERE tenant_key = $1 AND octet_length(ciphertext) > 0 GROUP BY class_key
"""
_PLANS: Final = "SELECT class_key, kind, bits, planned_rows FROM search_plan WHERE tenant_key = $1"
# Entries that were cut otherwise are still found until all are rebuilt; the rebuilding begins anew.
_SET: Final = """
INSERT INTO search_plan AS p (tenant_key, class_key, kind, bits, planned_rows) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_key, class_key, kind) DO UPDATE SET made = now(), planned_rows = excluded.planned_rows,
    bits = excluded.bits, old_bits = CASE WHEN p.bits <> excluded.bits THEN p.bits ELSE p.old_bits END
WHERE p.old_bits IS NULL OR p.old_bits = excluded.bits
RETURNING bits
"""
_DROP: Final = "DELETE FROM search_plan WHERE tenant_key = $1 AND class_key = $2 AND kind = $3"
_ANEW: Final = (
    "UPDATE reindex_progress SET after = NULL, done = 0, finished = NULL, begun = now() WHERE tenant_key = $1"
)


@dataclass(frozen=True, slots=True)
class Planned:
    """One kind of part of one class. `bits` is None where it is not indexed; `best_bits` is what would be now.

    `coincidences`: how many rows without anything in common with it a search opens besides, on average. Up to `room`
    rows they stay under the square root of the number of rows; then it is time to plan anew.
    """

    class_id: str
    kind: KeyKind
    rows: int
    bits: int | None
    best_bits: int
    coincidences: float
    room: int

    @property
    def is_due(self) -> bool:
        return self.bits is not None and self.rows > self.room


async def plan(vault: Vault, tenant: str) -> list[Planned]:
    """Every kind of part there could be. Counts the tenant's rows, which takes a second a million.

    Raises:
        NotFound, StoreUnavailable.
    """
    tenant_key = await tenant_key_of(vault, tenant)
    rows = {row["class_key"]: row["rows"] for row in await store.fetch(vault.pool, _ROWS, tenant_key)}
    cut = {(row["class_key"], row["kind"]): row["bits"] for row in await store.fetch(vault.pool, _PLANS, tenant_key)}
    found = []
    for field_class in vault.classes:
        for kind in kinds_of(field_class):
            if kind == "exact":
                continue
            number = rows.get(field_class.key, 0)
            bits, best = cut.get((field_class.key, kind)), plan_bits(number)
            used = best if bits is None else bits
            found.append(Planned(field_class.id, kind, number, bits, best, coincidences(number, used), room(used)))
    return found


async def switch(vault: Vault, tenant: str, class_id: str, kind: KeyKind, *, on: bool) -> None:
    """Index a kind of part with as many bits as are best now, or stop it. Then re-index (reindex.py).

    Raises:
        UnknownClass, InvalidRequest, NotFound, AuditUnavailable, StoreUnavailable.
    """
    field_class = vault.classes.get(class_id)
    if kind == "exact" or kind not in kinds_of(field_class):
        raise InvalidRequest(f"{class_id}: values of this class have no {kind}")
    tenant_key = await tenant_key_of(vault, tenant)
    [planned] = [each for each in await plan(vault, tenant) if (each.class_id, each.kind) == (class_id, kind)]

    async def apply(connection: asyncpg.Connection) -> None:
        place = (tenant_key, field_class.key, kind)
        if not on:
            await connection.execute(_DROP, *place)
        elif await connection.fetchval(_SET, *place, planned.best_bits, planned.rows) is None:
            raise InvalidRequest(f"{class_id}: the last plan is still being carried out; run: larets search reindex")
        await connection.execute(_ANEW, tenant_key)

    entry = operator_entry(vault, tenant, "search_plan", "allow", {"planned" if on else "stopped": {class_id: 1}})
    await vault.audit.commit(entry, apply=apply)
