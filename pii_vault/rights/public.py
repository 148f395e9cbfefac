"""The order to the public contour to drop an erased person's tokens: an event of the same durable outbox as orders.

The outbox forgets an event when the receiver has answered 200 to it, and the receiver answers so when its tokens are
gone: that is the acknowledgement. One that is refused for good stays in the outbox as a dead letter.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from pii_vault.core.tokens import new_id, new_subject_text, new_token_text
from pii_vault.errors import UnknownClass
from pii_vault.gateway.outbox import WAKE
from pii_vault.rights import store as sql
from pii_vault.vault import Vault

TYPE: Final = "subject.erased"
TOKENS_PER_EVENT: Final = 5000  # well under the receiver's limit of a body
EVENT_PREFIX: Final = "ers"  # by which the forwarder knows where to send it


async def order_public(
    vault: Vault,
    acquired: asyncpg.Connection,
    *,
    tenant: str,
    tenant_key: int,
    subject: bytes,
    complete: bool,
    at: datetime,
) -> list[str]:
    """Puts the events of one erasure into the outbox, with the transaction; gives their ids."""
    tokens = await _tokens(vault, acquired, tenant=tenant, tenant_key=tenant_key, subject=subject)
    text = new_subject_text(subject, tenant=tenant)
    sequence = int(await acquired.fetchval(sql.NEXT_PUBLIC, text))
    parts = [tokens[first : first + TOKENS_PER_EVENT] for first in range(0, len(tokens), TOKENS_PER_EVENT)] or [[]]
    events = []
    for part in parts:
        sequence += 1
        event = new_id(EVENT_PREFIX)
        body = encode_order(event, tenant=tenant, subject=text, complete=complete, tokens=part, at=at)
        await acquired.execute(sql.ORDER_PUBLIC, event, text, sequence, body)
        events.append(event)
    await acquired.execute(WAKE)
    return events


def encode_order(
    event: str, *, tenant: str, subject: str, complete: bool, tokens: Sequence[str], at: datetime
) -> bytes:
    """The bytes that leave: ids and tokens only."""
    return msgspec.json.encode(
        {
            "id": event,
            "tenant": tenant,
            "type": TYPE,
            "occurred_at": at,
            "data": {"subject": subject, "complete": complete, "tokens": tokens},
        }
    )


async def _tokens(
    vault: Vault, acquired: asyncpg.Connection, *, tenant: str, tenant_key: int, subject: bytes
) -> list[str]:
    texts = []
    for row in await acquired.fetch(sql.TOKENS, subject, tenant_key):
        try:
            class_id = vault.classes.by_key(row["class_key"]).id
        except UnknownClass:
            continue
        texts.append(new_token_text(class_id, tenant=tenant, bits=row["token"]))
    return texts
