"""The event as it leaves for the public contour: plain facts of the draft, and tokens."""

from datetime import datetime
from typing import Any

import msgspec

from pii_vault.gateway.connections import Connection
from pii_vault.gateway.deposit import Deposited
from pii_vault.gateway.port import Delivery, Draft


def encode_event(
    event: str,
    connection: Connection,
    delivery: Delivery,
    *,
    sequence: int,
    occurred_at: datetime,
    data: dict[str, Any],
) -> bytes:
    """The bytes that will be sent, as they are stored in the outbox."""
    kind = "deleted" if delivery.action == "delete" else "upserted"
    return msgspec.json.encode(
        {
            "id": event,
            "tenant": connection.tenant,
            "connector": connection.connector,
            "connection": connection.id,
            "object": delivery.object,
            "external_id": delivery.external_id,
            "sequence": sequence,
            "type": f"{delivery.object}.{kind}",
            "occurred_at": occurred_at,
            "data": data,
        }
    )


def order_data(draft: Draft, deposited: Deposited, *, tenant: str) -> dict[str, Any]:
    """An order's state: all of it, so that a lost or skipped earlier event leaves no gap."""
    contact, recipient = deposited.contact, deposited.recipient
    mixed = {} if deposited.note_mixed is None else {"note_mixed": deposited.note_mixed}
    return {
        **draft.plain,
        **mixed,
        "contact": contact.as_event(tenant) if contact else None,
        "recipient": recipient.as_event(tenant) if recipient else None,
        "note_token": deposited.note_token,
        "rest_token": deposited.rest_token,
    }
