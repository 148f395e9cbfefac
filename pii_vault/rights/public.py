"""The order to the public contour to drop an erased person's tokens: an event of the same durable outbox as orders.

The outbox forgets an event when the receiver has answered 200 to it, and the receiver answers so when its tokens are
gone: that is the acknowledgement. One that is refused for good stays in the outbox as a dead letter.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

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
    at: datetime,
) -> list[str]:
    """Puts the events of one erasure into the outbox, with the transaction that shredded; gives their ids."""
    rows = await acquired.fetch(sql.TOKENS, subject, tenant_key)
    tokens = _texts(vault, [row for row in rows if not row["kept"]], tenant=tenant)
    kept = _texts(vault, [row for row in rows if row["kept"]], tenant=tenant)
    text = new_subject_text(subject, tenant=tenant)
    sequence = int(await acquired.fetchval(sql.NEXT_PUBLIC, text))
    parts = [tokens[first : first + TOKENS_PER_EVENT] for first in range(0, len(tokens), TOKENS_PER_EVENT)] or [[]]
    events = []
    for part in parts:
        sequence += 1
        event = new_id(EVENT_PREFIX)
        body = encode_order(event, tenant=tenant, subject=text, kept=kept, tokens=part, at=at)
        await acquired.execute(sql.ORDER_PUBLIC, event, text, sequence, body)
        events.append(event)
    await acquired.execute(WAKE)
    return events


def encode_order(
    event: str, *, tenant: str, subject: str, kept: Sequence[str], tokens: Sequence[str], at: datetime
) -> bytes:
    """The bytes that leave: ids and tokens only. `kept` are those of the statutory group, which stay blocked."""
    return msgspec.json.encode(
        {
            "id": event,
            "tenant": tenant,
            "type": TYPE,
            "occurred_at": at,
            "data": {"subject": subject, "kept": kept, "tokens": tokens},
        }
    )


def _texts(vault: Vault, rows: Sequence[Any], *, tenant: str) -> list[str]:
    texts = []
    for row in rows:
        try:
            class_id = vault.classes.by_key(row["class_key"]).id
        except UnknownClass:
            continue
        texts.append(new_token_text(class_id, tenant=tenant, bits=row["token"]))
    return texts
