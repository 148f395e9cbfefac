"""What became of a dispatch, told to the public contour by the same durable outbox as orders: a state and a code."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from pii_vault.core.tokens import new_id
from pii_vault.gateway.outbox import WAKE
from pii_vault.relay import store as sql

TYPE: Final = "dispatch.changed"
EVENT_PREFIX: Final = "rly"  # by which the forwarder knows where to send it


async def tell(acquired: asyncpg.Connection, row: Mapping[str, Any] | None, *, at: datetime) -> None:
    """Puts the change into the outbox, in the transaction that made it. `row`: id, contour, request_key, state,
    failure and changes as the statement returned them. What the private contour ordered itself is told nobody.
    """
    if row is None or row["contour"] != "public":
        return
    event = new_id(EVENT_PREFIX)
    body = encode_change(event, row, tenant=await acquired.fetchval(sql.TENANT_OF, row["tenant_key"]), at=at)
    await acquired.execute(sql.TELL, event, row["id"], row["changes"], body)
    await acquired.execute(WAKE)


def encode_change(event: str, row: Mapping[str, Any], *, tenant: str, at: datetime) -> bytes:
    """The bytes that leave. `key` is the sender's own idempotency key, by which it knows its order again."""
    return msgspec.json.encode(
        {
            "id": event,
            "tenant": tenant,
            "type": TYPE,
            "occurred_at": at,
            "data": {
                "dispatch": row["id"],
                "key": row["request_key"],
                "state": row["state"],
                "failure": row["failure"],
                "change": row["changes"],
            },
        }
    )
