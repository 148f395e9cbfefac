"""The SQL of deliveries: what is known before, and what one accepted delivery writes."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

import asyncpg

from pii_vault import store
from pii_vault.gateway.connections import Connection
from pii_vault.gateway.port import Delivery, Dictionary, DictionaryKey, Goods

CHANNEL: Final = "gateway_outbox"

# One round trip for both questions: the shop's words for these codes, and whether this body was here before.
LOOK_UP: Final = """
SELECT d.kind, d.code, d.title FROM gateway_dictionary d
JOIN unnest($2::text[], $3::text[]) AS asked(kind, code) ON d.kind = asked.kind AND d.code = asked.code
WHERE d.connection_key = $1
UNION ALL
SELECT 'seen', '', '' FROM gateway_delivery WHERE connection_key = $1 AND digest = $4
"""
FETCH_OBJECT: Final = """
SELECT o.*, EXISTS (SELECT FROM gateway_delivery WHERE connection_key = $1 AND digest = $4) AS seen
FROM (VALUES (1)) AS always
LEFT JOIN gateway_object o ON o.connection_key = $1 AND o.object = $2 AND o.external_id = $3
"""
WRITE: Final = """
WITH object AS (
    INSERT INTO gateway_object AS o (
        connection_key, object, external_id, sequence, modified, deleted, contact, contact_digest, recipient,
        recipient_digest, note_token, note_digest, rest_token, rest_digest, note_inner
    ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
    ON CONFLICT (connection_key, object, external_id) DO UPDATE SET
        sequence = excluded.sequence, modified = excluded.modified, deleted = excluded.deleted,
        contact = excluded.contact, contact_digest = excluded.contact_digest,
        recipient = excluded.recipient, recipient_digest = excluded.recipient_digest,
        note_token = excluded.note_token, note_digest = excluded.note_digest,
        rest_token = excluded.rest_token, rest_digest = excluded.rest_digest, note_inner = excluded.note_inner
), delivery AS (
    INSERT INTO gateway_delivery (connection_key, digest, object, external_id, action, event)
    VALUES ($1, $16, $2, $3, $17, $18)
), event AS (
    INSERT INTO gateway_outbox (id, connection_key, object, external_id, sequence, body)
    VALUES ($18, $1, $2, $3, $4, $19)
)
SELECT pg_notify('gateway_outbox', '')
"""
# A title learnt later wins; an event that overtook a newer one changes nothing.
LEARN: Final = """
WITH goods AS (
    INSERT INTO gateway_dictionary AS d (connection_key, kind, code, title, goods, modified)
    VALUES ($1, 'goods', $2, $4, $2, $5)
    ON CONFLICT (connection_key, kind, code) DO UPDATE SET title = excluded.title, modified = excluded.modified
    WHERE d.modified IS NULL OR d.modified <= excluded.modified
    RETURNING 1
), gone AS (
    DELETE FROM gateway_dictionary
    WHERE connection_key = $1 AND kind = 'sku' AND goods = $2 AND code IS DISTINCT FROM $3
      AND EXISTS (SELECT FROM goods)
)
INSERT INTO gateway_dictionary (connection_key, kind, code, title, goods, modified)
SELECT $1, 'sku', $3, $4, $2, $5 FROM goods WHERE $3::text IS NOT NULL
ON CONFLICT (connection_key, kind, code)
DO UPDATE SET title = excluded.title, goods = excluded.goods, modified = excluded.modified
"""
PURGE: Final = "DELETE FROM gateway_delivery WHERE received < now() - interval '90 days'"


@dataclass(slots=True)
class ObjectState:
    """What the gateway remembers of an object: ids, tokens and keyed hashes, never a value."""

    sequence: int = 0
    modified: datetime | None = None
    deleted: datetime | None = None
    contact: bytes | None = None
    contact_digest: bytes | None = None
    recipient: bytes | None = None
    recipient_digest: bytes | None = None
    note_token: str | None = None
    note_digest: bytes | None = None
    rest_token: str | None = None
    rest_digest: bytes | None = None
    note_inner: list[str] | None = None  # see inner.py


COLUMNS: Final = tuple(ObjectState.__dataclass_fields__)


def object_lock(connection: Connection, delivery: Delivery) -> int:
    """The number of an object's transaction lock. Two that share one by chance only wait for each other."""
    name = f"gateway\0{connection.key}\0{delivery.object}\0{delivery.external_id}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big", signed=True)


async def look_up(
    pool: asyncpg.Pool, connection: Connection, *, codes: set[DictionaryKey], digest: bytes
) -> tuple[Dictionary, bool]:
    """The dictionary's entries of these codes, and whether this delivery was accepted before."""
    kinds, wanted = [kind for kind, _ in codes], [code for _, code in codes]
    rows = await store.fetch(pool, LOOK_UP, connection.key, kinds, wanted, digest)
    known = {(row["kind"], row["code"]): row["title"] for row in rows}
    seen = known.pop(("seen", ""), None) is not None
    return cast("Dictionary", known), seen


async def fetch_object(
    acquired: asyncpg.Connection, connection: Connection, delivery: Delivery, *, digest: bytes
) -> tuple[ObjectState, bool]:
    """The object as last written, and whether this delivery is in. Call under the object's lock."""
    row = await acquired.fetchrow(FETCH_OBJECT, connection.key, delivery.object, delivery.external_id, digest)
    assert row is not None  # noqa: S101  the statement has one row by construction
    if row["sequence"] is None:
        return ObjectState(), bool(row["seen"])
    return ObjectState(**{name: row[name] for name in COLUMNS}), bool(row["seen"])


async def write(
    acquired: asyncpg.Connection,
    connection: Connection,
    delivery: Delivery,
    state: ObjectState,
    *,
    digest: bytes,
    event: str,
    body: bytes,
) -> None:
    """The object's new state, the delivery and the event to forward, in one statement."""
    columns = [getattr(state, name) for name in COLUMNS]
    await acquired.execute(
        WRITE, connection.key, delivery.object, delivery.external_id, *columns, digest, delivery.action, event, body
    )


async def learn(pool: asyncpg.Pool, connection: Connection, goods: Goods) -> None:
    async with store.connection(pool) as acquired:
        await acquired.execute(LEARN, connection.key, goods.external_id, goods.sku, goods.title, goods.modified_at)


async def purge_deliveries(pool: asyncpg.Pool) -> None:
    """Forgets deliveries of long ago: a replay older than that is stale by the object's own time."""
    async with store.connection(pool) as acquired:
        await acquired.execute(PURGE)
