"""The rows of files: which bytes of the store belong to which token."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import asyncpg

from pii_vault import store

INSERT: Final = """
INSERT INTO pii_file (token, subject, tenant_key, retention, name, sealed) VALUES ($1, $2, $3, $4, $5, $6)
"""
FETCH: Final = """
SELECT f.subject, f.retention, f.name, f.sealed, v.class_key
FROM pii_file f JOIN pii_value v ON v.token = f.token
WHERE f.token = $1 AND f.tenant_key = $2
"""
KNOWN: Final = "SELECT name FROM pii_file WHERE name = ANY($1::text[])"
# In the transaction that destroys the person's keys; the bytes follow as soon as it is committed.
SHRED: Final = """
WITH gone AS (
    DELETE FROM pii_file WHERE subject = $1 AND tenant_key = $2 AND retention = ANY($3::smallint[]) RETURNING name
)
INSERT INTO file_removal (name, erasure) SELECT name, $4 FROM gone
"""
ORDERED: Final = "SELECT name FROM file_removal ORDER BY ordered LIMIT 200"
REMOVED: Final = "DELETE FROM file_removal WHERE name = ANY($1::text[])"
ARE_LEFT: Final = "SELECT EXISTS (SELECT FROM file_removal WHERE erasure = $1)"


class FileRow(NamedTuple):
    subject: bytes
    retention: int
    name: str
    sealed: bytes
    class_key: int


async def fetch_file(pool: asyncpg.Pool, tenant_key: int, token: bytes) -> FileRow | None:
    """Raises StoreUnavailable."""
    rows = await store.fetch(pool, FETCH, token, tenant_key)
    return FileRow(*rows[0]) if rows else None


async def known_names(pool: asyncpg.Pool, names: Sequence[str]) -> set[str]:
    rows = await store.fetch(pool, KNOWN, list(names))
    return {row[0] for row in rows}
