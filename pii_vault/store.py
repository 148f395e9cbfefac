"""The SQL of the hot path. Each statement is one round trip, whatever the number of items.

The statements are public: a bench writes and fetches ready-made bytes through the very same ones.
"""

import logging
import os
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import asyncpg

from pii_vault.arrays import ArrayConnection
from pii_vault.errors import StoreUnavailable

logger = logging.getLogger(__name__)

# Rows of one statement, wherever they are read: (statement, *arguments).
Fetch = Callable[..., Awaitable[list[Any]]]

ACQUIRE_SECONDS = 2.0
STATEMENT_SECONDS = 10.0
ID_BYTES = 16
TICKS = 1 << 16  # a second, in ids

INSERT_BATCH = """
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

FEW_CANDIDATES = 2000  # rows with equal digests that are fetched at once: see packed.py

# A person's own values: what one of their texts only mentions is not theirs to be written or sent to.
FETCH_TOKENS = """
SELECT token, subject, class_key FROM pii_value AS v
WHERE subject = ANY($1::uuid[]) AND tenant_key = $2 AND NOT EXISTS (SELECT FROM mention m WHERE m.token = v.token)
ORDER BY created DESC, token DESC
"""
INSERT_MENTIONS = "INSERT INTO mention (token, tenant_key) SELECT unnest($2::uuid[]), $1"

FETCH_DIGEST_TOKENS = """
SELECT v.token FROM unnest($1::uuid[]) AS d(digest) CROSS JOIN LATERAL (
    SELECT p.token FROM pii_value AS p WHERE p.digest = d.digest AND p.tenant_key = $2
    ORDER BY p.created, p.token LIMIT 2000
) AS v
"""

FETCH_DEKS = """
SELECT subject, retention, kek_version, wrapped FROM dek
WHERE subject = ANY($1::uuid[]) AND tenant_key = $2
"""

FETCH_SUBJECTS = "SELECT id, state FROM subject WHERE id = ANY($1::uuid[]) AND tenant_key = $2"

# Persons who are about to get a value: how many of them are active, held so until the transaction ends. Whoever changes
# a person holds the row against this (rights/store.py LOCK_SUBJECT); it never waits for them.
HOLD_ACTIVE = """
SELECT count(*) FROM (
    SELECT FROM subject WHERE id = ANY($1::uuid[]) AND tenant_key = $2 AND state = 'a' FOR KEY SHARE SKIP LOCKED
) AS held
"""

TRY_LOCKS = "SELECT bool_and(pg_try_advisory_xact_lock(k)) FROM unnest($1::bigint[]) AS k"

INSERT_HINTS = """
INSERT INTO duplicate_hint (tenant_key, subject, other, class_key)
SELECT $1, s, o, c FROM unnest($2::uuid[], $3::uuid[], $4::smallint[]) AS h(s, o, c)
ON CONFLICT DO NOTHING
"""

FETCH_ANSWER = """
SELECT fingerprint, answer, (SELECT size FROM audit_head) AS size FROM idempotency
WHERE tenant_key = $1 AND principal = $2 AND key = $3 AND expires > now()
"""

# An expired answer that has not been purged yet is taken over; a live one is a conflict of two requests.
DELETE_EXPIRED_ANSWER = """
DELETE FROM idempotency WHERE tenant_key = $1 AND principal = $2 AND key = $3 AND expires <= now()
"""
INSERT_ANSWER = """
INSERT INTO idempotency (tenant_key, principal, key, fingerprint, answer, expires)
VALUES ($1, $2, $3, $4, $5, now() + interval '24 hours')
"""

CHARGE = """
INSERT INTO budget_use AS b (tenant_key, principal, action, hour, used)
SELECT $1, $2, $3, date_trunc('hour', now()), $4::int WHERE $4::int <= $5::int
ON CONFLICT (tenant_key, principal, action, hour)
DO UPDATE SET used = b.used + excluded.used WHERE b.used + excluded.used <= $5::int
RETURNING used
"""

FETCH_TENANT = "SELECT key, status, index_oldest, index_writes, index_newest FROM tenant WHERE id = $1"

FETCH_SERVICE_CLIENT = """
SELECT tenants, roles, purposes FROM service_client WHERE trust_domain = $1 AND cn = $2
"""

PURGE = (
    "DELETE FROM idempotency WHERE expires < now()",
    "DELETE FROM budget_use WHERE hour < now() - interval '2 days'",
)


class Batch(NamedTuple):
    """Columns of one INSERT_BATCH: new subjects, new keys, values. Sealed bytes only."""

    tenant_key: int
    retention: int
    subjects: list[bytes]
    key_subjects: list[bytes]
    kek_versions: list[int]
    wrapped: list[bytes]
    index_version: int
    tokens: list[bytes]
    value_subjects: list[bytes]
    digests: list[bytes | None]
    class_keys: list[int]
    deterministic: list[bool]
    ciphertexts: list[bytes]


def new_ids(count: int) -> list[bytes]:
    """Ids of 16 bytes: the time they were made at, then 80 random bits.

    The time is in steps of 2^-16 second, and each id of a batch is a step later than the one before it. So a batch
    stands at the right edge of an index, in the order in which its rows are written; the time says no more than the
    stamps that the public contour holds anyway. 80 bits are not guessed, and a guess would meet tenant and policy.
    """
    first = time.time_ns() * TICKS // 1_000_000_000
    stamps = struct.pack(f">{count}Q", *range(first, first + count))  # six bytes of each last until 2106
    drawn = bytearray(os.urandom(ID_BYTES * count))
    for place in range(6):
        drawn[place::ID_BYTES] = stamps[2 + place :: 8]
    ids = bytes(drawn)
    return [ids[at : at + ID_BYTES] for at in range(0, len(ids), ID_BYTES)]


async def _prepare_connection(connection: ArrayConnection) -> None:
    """`uuid` travels as 16 raw bytes: building UUID objects would cost more than decrypting the value."""
    await connection.set_type_codec("uuid", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary")
    connection.pack_arrays()


async def _keep_session(_connection: asyncpg.Connection) -> None:
    """Nothing to undo: asyncpg has rolled back, and no code here sets anything outside a transaction.

    The default would send `RESET ALL` after each use, a second round trip for every statement.
    """


async def create_pool(url: str, *, size: int = 8, standby: bool = False) -> asyncpg.Pool:
    """Connections of the runtime role. Use `SET LOCAL` and transaction locks only: sessions are not reset.

    Those of a standby write nothing even where the address turns out to be the primary's.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    try:
        return await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=size,
            connection_class=ArrayConnection,
            init=_prepare_connection,
            reset=_keep_session,
            command_timeout=STATEMENT_SECONDS,
            timeout=ACQUIRE_SECONDS,
            max_inactive_connection_lifetime=300,
            max_queries=1_000_000,
            server_settings={
                "application_name": "larets-vault",
                "jit": "off",
                "plan_cache_mode": "force_generic_plan",
            }
            | ({"default_transaction_read_only": "on"} if standby else {}),
        )
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise StoreUnavailable from error


LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that was killed just before it was used
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)
GONE = (
    *LOST,
    TimeoutError,
    asyncpg.CannotConnectNowError,
    asyncpg.InsufficientResourcesError,  # connections, memory or room on the disk
    asyncpg.QueryCanceledError,
)


# Whatever a driver or its connection may raise. For loops that must go on and for parts that answer 503 to all of it.
DATABASE_ERRORS = (*GONE, asyncpg.PostgresError)


@asynccontextmanager
async def connection(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    """A connection for reading. Raises StoreUnavailable when the database is gone or too slow."""
    try:
        acquired = await pool.acquire(timeout=ACQUIRE_SECONDS)
    except DATABASE_ERRORS as error:  # whatever it says, it lets nobody in
        logger.warning("no connection to the database: %s", type(error).__name__)
        raise StoreUnavailable from error
    try:
        yield acquired
    except GONE as error:
        logger.warning("the database did not answer: %s", type(error).__name__)
        if is_lost(error):  # a restart has killed the others too
            await pool.expire_connections()
        raise StoreUnavailable from error
    finally:
        # A connection that broke is replaced by the pool; giving it back must not hide the error above.
        with suppress(*DATABASE_ERRORS):
            await pool.release(acquired)


async def fetch(pool: asyncpg.Pool, statement: str, *arguments: object) -> list[Any]:
    """Rows of one statement, which is tried once more on a fresh connection. Raises StoreUnavailable."""
    for again in (True, False):
        try:
            async with connection(pool) as acquired:
                rows: list[Any] = await acquired.fetch(statement, *arguments)
                return rows
        except StoreUnavailable as error:
            if not again or not is_lost(error.__cause__):
                raise
    return []


def is_lost(error: BaseException | None) -> bool:
    """The connection broke, as opposed to a database that is slow or refuses."""
    return isinstance(error, LOST) and not isinstance(error, TimeoutError)


async def try_locks(connection: asyncpg.Connection, keys: Sequence[int]) -> bool:
    """Takes all these transaction locks or says that another transaction holds one of them. Never waits.

    Waiting would deadlock: one transaction may carry several acts, whose locks have no common order.
    """
    return bool(not keys or await connection.fetchval(TRY_LOCKS, keys))


async def insert_batch(connection: asyncpg.Connection, batch: Batch) -> None:
    await connection.execute(INSERT_BATCH, *batch)


async def purge_expired(pool: asyncpg.Pool) -> None:
    """Drop idempotent answers and budget counters that no longer count. For the worker, now and then."""
    for statement in PURGE:
        async with connection(pool) as acquired:
            await acquired.execute(statement)
