"""What the private contour's outbox sends. Strict: an unknown field, a loose number or a bare time is refused.

Personal fields can only be tokens here; the few plain texts come from the shop's own dictionaries and are looked
through once more before they are stored.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pii_vault.client import MAX_MIXED

_ID = "[0-9a-hjkmnp-tv-z]{26}$"

Tenant = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{2,39}$")]
EventId = Annotated[str, Meta(pattern=f"^evt_{_ID}")]
ConnectionId = Annotated[str, Meta(pattern=f"^con_{_ID}")]
Connector = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{1,39}$")]
# Eleven digits in a row would be a phone; no id of a shop needs them.
ExternalId = Annotated[str, Meta(pattern=r"^(?!.*[0-9]{11})[A-Za-z0-9._:-]{1,64}$")]
StatusCode = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,39}$")]
MethodCode = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$")]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$")]
Amount = Annotated[str, Meta(pattern=r"^-?[0-9]{1,9}(\.[0-9]{1,8})?$")]
Title = Annotated[str, Meta(min_length=1, max_length=300)]
Sku = Annotated[str, Meta(max_length=100)]
MarkName = Annotated[str, Meta(pattern="^[a-z][a-z_]{0,31}$")]
MarkValue = Annotated[str, Meta(max_length=300)]
ClassId = Annotated[str, Meta(pattern="^[a-z]+(_[a-z]+)*$", max_length=32)]
TokenOfText = Annotated[str, Meta(max_length=100)]
Tokens = Annotated[list[TokenOfText], Meta(max_length=20)]
Moment = Annotated[datetime, Meta(tz=True)]


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all that comes in."""


class Method(Strict, frozen=True):
    code: MethodCode
    title: Title | None = None


class Item(Strict, frozen=True):
    external_id: ExternalId
    title: Title | None
    quantity: Amount | Annotated[int, Meta(ge=0, le=10**9)]
    price: Amount
    total: Amount
    product_id: ExternalId | None = None
    sku: Sku | None = None


class Party(Strict, frozen=True):
    """A person: the subject, and tokens by class."""

    subject: Annotated[str, Meta(max_length=40)]
    tokens: Annotated[dict[ClassId, Tokens], Meta(max_length=20)]


class OrderData(Strict, frozen=True):
    number: ExternalId
    status: StatusCode
    currency: Currency
    total: Amount
    shipping_total: Amount
    discount_total: Amount
    created_at: Moment
    modified_at: Moment
    items: Annotated[list[Item], Meta(max_length=1000)]
    source: Annotated[dict[MarkName, MarkValue], Meta(max_length=20)] = {}
    payment_method: Method | None = None
    delivery_method: Method | None = None
    city: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    contact: Party | None = None
    recipient: Party | None = None
    note_token: TokenOfText | None = None
    rest_token: TokenOfText | None = None
    note_mixed: Annotated[str, Meta(max_length=MAX_MIXED)] | None = None

    def plain_texts(self) -> Iterator[str]:
        """Every text that would be stored as it is: those in which a person could hide by mistake."""
        yield self.number
        yield self.status
        yield self.city or ""
        yield from self.source.values()
        for method in (self.payment_method, self.delivery_method):
            if method is not None:
                yield method.code
                yield method.title or ""
        for item in self.items:
            yield item.title or ""
            yield item.sku or ""


class Event(Strict, frozen=True):
    id: EventId
    tenant: Tenant
    connector: Connector
    connection: ConnectionId
    object: Literal["order"]
    external_id: ExternalId
    sequence: Annotated[int, Meta(ge=0, le=2**62)]
    type: Literal["order.upserted", "order.deleted"]
    occurred_at: Moment
    data: msgspec.Raw


class Taken(Strict, frozen=True):
    """The answer: `applied`, `duplicate` (the same event again) or `stale` (a newer one was applied before)."""

    status: Literal["applied", "duplicate", "stale"]
    order: str | None
