"""The limit's statements. The plain ones are frozen: what the vault comes to do better than they do is its merit.

Plain: a row is a row, fetched by its token with its person's state beside it, and ids begin with the second they were
made in. Packed (`--packed`): the vault's own statements, arrays and ids, so that the two differ in what the vault adds.
"""

import os
import time
from collections.abc import Mapping
from typing import Any, Final, Protocol

import asyncpg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pii_vault import store
from pii_vault.core.envelope import FORMAT_VERSION
from pii_vault.core.primitives import NONCE_BYTES, SUITE_AES_256_GCM
from pii_vault.packed import FETCH_PACKED, GROUP_BYTES, HEAD, read_packed

POOL: Final = 8
HEADER: Final = bytes((SUITE_AES_256_GCM, FORMAT_VERSION))
AAD: Final = bytes(2 + 38)  # as long as the vault's own: header and place
BODY: Final = len(HEADER) + NONCE_BYTES

INSERT: Final = """
WITH subjects AS (
    INSERT INTO subject (id, tenant_key) SELECT unnest($3::uuid[]), $1
), keys AS (
    INSERT INTO dek (subject, retention, tenant_key, kek_version, wrapped)
    SELECT s, $2, $1, v, w FROM unnest($4::uuid[], $5::int[], $6::bytea[]) AS k(s, v, w)
)
INSERT INTO pii_value
    (token, subject, digest, tenant_key, class_key, retention, index_version, deterministic, ciphertext)
SELECT t, s, d, $1, c, $2, CASE WHEN d IS NOT NULL THEN $7::smallint END, f, b
FROM unnest($8::uuid[], $9::uuid[], $10::uuid[], $11::smallint[], $12::bool[], $13::bytea[])
    AS v(t, s, d, c, f, b)
"""
FETCH: Final = """
SELECT v.token, v.subject, v.class_key, v.retention, s.state, v.ciphertext
FROM pii_value v JOIN subject s ON s.id = v.subject
WHERE v.token = ANY($1::uuid[]) AND v.tenant_key = $2
"""


Ciphers = Mapping[bytes, AESGCM]  # by subject


class Statements(Protocol):
    """How the limit writes, fetches and opens."""

    async def open_pool(self, url: str) -> asyncpg.Pool: ...

    def new_ids(self, count: int) -> list[bytes]: ...

    async def insert(self, connection: asyncpg.Connection, batch: store.Batch) -> None: ...

    async def fetch(self, connection: asyncpg.Connection, tokens: list[bytes], tenant_key: int) -> Any:
        """The rows of these tokens, for the two methods below."""

    def subjects(self, rows: Any) -> list[bytes]:
        """Whose rows they are, each once."""

    def open_all(self, rows: Any, ciphers: Ciphers) -> int:
        """Opens every value; gives back how many there were."""


class Plain:
    async def open_pool(self, url: str) -> asyncpg.Pool:
        settings = {"jit": "off", "plan_cache_mode": "force_generic_plan"}
        return await asyncpg.create_pool(
            url, min_size=1, max_size=POOL, init=_ids_as_bytes, reset=_keep, server_settings=settings
        )

    def new_ids(self, count: int) -> list[bytes]:
        stamp, noise = int(time.time()).to_bytes(4, "big"), os.urandom(12 * count)
        return [stamp + noise[at : at + 12] for at in range(0, 12 * count, 12)]

    async def insert(self, connection: asyncpg.Connection, batch: store.Batch) -> None:
        await connection.execute(INSERT, *batch)

    async def fetch(self, connection: asyncpg.Connection, tokens: list[bytes], tenant_key: int) -> Any:
        return await connection.fetch(FETCH, tokens, tenant_key)

    def subjects(self, rows: Any) -> list[bytes]:
        return list({row[1] for row in rows})

    def open_all(self, rows: Any, ciphers: Ciphers) -> int:
        for row in rows:
            blob = row[5]
            ciphers[row[1]].decrypt(blob[2:BODY], blob[BODY:], AAD)
        return len(rows)


class Packed:
    async def open_pool(self, url: str) -> asyncpg.Pool:
        return await store.create_pool(url, size=POOL)

    def new_ids(self, count: int) -> list[bytes]:
        return store.new_ids(count)

    async def insert(self, connection: asyncpg.Connection, batch: store.Batch) -> None:
        await store.insert_batch(connection, batch)

    async def fetch(self, connection: asyncpg.Connection, tokens: list[bytes], tenant_key: int) -> Any:
        return read_packed(await connection.fetch(FETCH_PACKED, tokens, tenant_key))

    def subjects(self, rows: Any) -> list[bytes]:
        return list(rows.persons)

    def open_all(self, rows: Any, ciphers: Ciphers) -> int:
        data, unpack, head = rows.data, HEAD.unpack_from, HEAD.size
        end = count = 0
        while end < len(data):
            start = end + head
            key, _, _, size = unpack(data, end)
            end = start + size
            ciphers[key[GROUP_BYTES:]].decrypt(data[start + 2 : start + BODY], data[start + BODY : end], AAD)
            count += 1
        return count


def statements(*, packed: bool) -> Statements:
    return Packed() if packed else Plain()


async def _ids_as_bytes(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec("uuid", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary")


async def _keep(_connection: asyncpg.Connection) -> None:
    """Nothing to undo: see store.py."""
