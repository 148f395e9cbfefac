"""The rows of files: which bytes of the store belong to which token."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

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
OF_SUBJECT: Final = """
SELECT token, name FROM pii_file WHERE subject = $1 AND tenant_key = $2 AND retention = ANY($3::smallint[])
"""
DELETE: Final = "DELETE FROM pii_file WHERE name = ANY($1::text[])"


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


async def files_of_subject(
    connection: Any, *, tenant_key: int, subject: bytes, groups: Sequence[int]
) -> dict[bytes, str]:
    """Token → name of each file of these retention groups."""
    rows = await connection.fetch(OF_SUBJECT, subject, tenant_key, list(groups))
    return {row[0]: row[1] for row in rows}
