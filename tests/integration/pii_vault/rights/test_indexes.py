"""What an erasure costs does not grow with the orders of others."""

import pytest

from pii_vault.rights import store as sql
from tests.integration.pii_vault.rights.conftest import Desk
from tests.support.vault import rows

MANY = """
INSERT INTO gateway_object (connection_key, object, external_id, sequence, modified, contact, contact_digest, recipient)
SELECT 1, 'order', n::text, 1, now(), gen_random_uuid(), '', gen_random_uuid() FROM generate_series(1, 20000) AS n
"""
HINTS = (
    "INSERT INTO duplicate_hint SELECT 1, gen_random_uuid(), gen_random_uuid(), 1, now() FROM generate_series(1, 20000)"
)
CONTACT, RECIPIENT, OTHER = "gateway_object_contact", "gateway_object_recipient", "duplicate_hint_other"


@pytest.mark.parametrize(
    ("statement", "indexes"),
    [
        (sql.NEWEST_ORDER, {CONTACT}),
        (sql.ORDERS, {CONTACT, RECIPIENT}),
        (sql.SHRED_CONTACT_DIGESTS, {CONTACT}),
        (sql.SHRED_RECIPIENT_DIGESTS, {RECIPIENT}),
        (sql.DUPLICATES, {OTHER}),
        (sql.SHRED_HINTS, {OTHER}),
        (sql.PROOF, {CONTACT, RECIPIENT, OTHER}),
    ],
    ids=["newest order", "orders", "contacts", "recipients", "duplicates", "hints", "proof"],
)
async def test_a_persons_orders_and_hints_are_found_through_indexes(
    desk: Desk, statement: str, indexes: set[str]
) -> None:
    person = await desk.take(phone="+79001234567")
    for each in (MANY, HINTS, "ANALYZE gateway_object", "ANALYZE duplicate_hint"):
        rows(desk.database, each)
    groups = [[0]] if statement == sql.PROOF else []
    async with desk.vault.pool.acquire() as connection:
        lines = await connection.fetch(f"EXPLAIN {statement}", person.bits, 1, *groups)
    plan = "\n".join(line[0] for line in lines)
    assert {index for index in (CONTACT, RECIPIENT, OTHER) if index in plan} == indexes
    for table in ("gateway_object", "duplicate_hint"):
        assert f"Seq Scan on {table}" not in plan
