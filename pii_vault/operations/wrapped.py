"""Every place where a key lies wrapped under a tenant's KEK, and what each is bound to.

A table with a column `kek_version` is such a place, known here or not: a trim looks at all of them and refuses while
one still names an older version. A table that is to be re-wrapped is listed in WRAPPED.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from pii_vault import store
from pii_vault.errors import KeyStepRefused
from pii_vault.keys.contexts import IDENTITY_CONTEXT, IDENTITY_TENANT, connection_context, destination_context
from pii_vault.operations.ciphers import key_context
from pii_vault.vault import Vault

# Rows that say which version there was, and lie under none.
HISTORY: Final = frozenset({"erasure"})
SCAN_SECONDS: Final = 900.0  # a count reads a whole table
# The catalogue itself: information_schema would hide a table that the runtime role may not read.
_TABLES: Final = """
SELECT c.relname::text, bool_or(a.attname = 'tenant_key')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
GROUP BY c.relname HAVING bool_or(a.attname = $1) ORDER BY c.relname
"""


@dataclass(frozen=True, slots=True)
class WrappedTable:
    """Keys of a batch are read by the first and the wrapped ones written by the second statement.

    `read` takes ($1 tenant key, $2 target version, $3 how many, then the place after which to go on) and gives
    (version, blob, place…); `write` takes ($1 old blobs, $2 new versions, $3 new blobs, then columns of the place),
    and touches only rows that still hold the old blob: one that was erased meanwhile does not come back.
    """

    name: str
    read: str
    write: str
    first: tuple[Any, ...]
    context: Callable[[Sequence[Any]], bytes]
    per_tenant: bool = True


DEKS: Final = WrappedTable(
    name="dek",
    read="""
    SELECT kek_version, wrapped, subject, retention FROM dek
    WHERE tenant_key = $1 AND kek_version < $2 AND (subject, retention) > ($4::uuid, $5::smallint)
    ORDER BY subject, retention LIMIT $3
    """,
    write="""
    UPDATE dek SET kek_version = new.version, wrapped = new.blob
    FROM unnest($1::bytea[], $2::int[], $3::bytea[], $4::uuid[], $5::smallint[])
        AS new(old, version, blob, subject, retention)
    WHERE dek.subject = new.subject AND dek.retention = new.retention AND dek.wrapped = new.old
    """,
    first=(bytes(16), -1),
    context=lambda place: key_context(place[0], place[1]),
)
CONNECTIONS: Final = WrappedTable(
    name="gateway_connection",
    read="""
    SELECT kek_version, wrapped, id FROM gateway_connection
    WHERE tenant_key = $1 AND kek_version < $2 AND id > $4 ORDER BY id LIMIT $3
    """,
    write="""
    UPDATE gateway_connection AS kept SET kek_version = new.version, wrapped = new.blob
    FROM unnest($1::bytea[], $2::int[], $3::bytea[], $4::text[]) AS new(old, version, blob, id)
    WHERE kept.id = new.id AND kept.wrapped = new.old
    """,
    first=("",),
    context=lambda place: connection_context(place[0]),
)
IDENTITY: Final = WrappedTable(
    name="identity_key",
    read="""
    SELECT kek_version, blob, version FROM identity_key
    WHERE $1::int IS NOT NULL AND kek_version < $2 AND version > $4 ORDER BY version LIMIT $3
    """,
    write="""
    UPDATE identity_key AS kept SET kek_version = new.kek, blob = new.blob
    FROM unnest($1::bytea[], $2::int[], $3::bytea[], $4::int[]) AS new(old, kek, blob, version)
    WHERE kept.version = new.version AND kept.blob = new.old
    """,
    first=(0,),
    context=lambda _place: IDENTITY_CONTEXT,
    per_tenant=False,
)
DESTINATIONS: Final = WrappedTable(
    name="relay_destination",
    read="""
    SELECT kek_version, wrapped, id FROM relay_destination
    WHERE tenant_key = $1 AND kek_version < $2 AND id > $4 ORDER BY id LIMIT $3
    """,
    write="""
    UPDATE relay_destination AS kept SET kek_version = new.version, wrapped = new.blob
    FROM unnest($1::bytea[], $2::int[], $3::bytea[], $4::text[]) AS new(old, version, blob, id)
    WHERE kept.id = new.id AND kept.wrapped = new.old
    """,
    first=("",),
    context=lambda place: destination_context(place[0]),
)
WRAPPED: Final = (DEKS, CONNECTIONS, DESTINATIONS, IDENTITY)


def tables_of(tenant: str) -> tuple[WrappedTable, ...]:
    """The identity part's key belongs to no shop: it lies under the KEK of a reserved tenant."""
    return tuple(table for table in WRAPPED if table.per_tenant == (tenant != IDENTITY_TENANT))


async def count_by_version(vault: Vault, column: str) -> dict[tuple[str, int | None], Counter[int]]:
    """(table, tenant key) → how many rows name each version. `column`: kek_version or index_version.

    The tenant key is None for the rows of identity_key.

    Raises:
        KeyStepRefused: a table names versions but not whose; nobody could tell when its rows are done.
    """
    counts: dict[tuple[str, int | None], Counter[int]] = {}
    async with store.connection(vault.pool) as connection:
        for table, has_tenant in await connection.fetch(_TABLES, column):
            if table in HISTORY:
                continue
            if not has_tenant and table != IDENTITY.name:
                raise KeyStepRefused(f"the table {table} has {column} but no tenant_key; add the column first")
            await _count(connection, table, column, counts, has_tenant=has_tenant)
    return counts


async def _count(
    connection: asyncpg.Connection,
    table: str,
    column: str,
    counts: dict[tuple[str, int | None], Counter[int]],
    *,
    has_tenant: bool,
) -> None:
    owner = "tenant_key" if has_tenant else "NULL::int"
    # The names come from the database's own catalogue, quoted.
    statement = (
        f'SELECT {owner}, {column}, count(*) FROM "{table}" '  # noqa: S608
        f"WHERE {column} IS NOT NULL GROUP BY 1, 2"
    )
    for tenant_key, version, rows in await connection.fetch(statement, timeout=SCAN_SECONDS):
        counts.setdefault((table, tenant_key), Counter())[version] += rows
