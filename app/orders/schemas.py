from datetime import datetime

from app.kit.schemas import Answer, Body, MixedIn, Money, TokenIn
from app.orders.statuses import Status


class MethodOut(Answer):
    code: str
    title: str | None


class ItemOut(Answer):
    external_id: str
    product_id: str | None
    sku: str | None
    title: str | None
    quantity: Money
    price: Money
    total: Money


class OrderOut(Answer):
    """An order in a list. Persons are tokens by class, as this order had them, the current one first."""

    id: str
    number: str
    status: str
    connector: str
    connection_id: str
    external_id: str
    currency: str
    total: Money
    shipping_total: Money
    discount_total: Money
    source: dict[str, str]
    payment_method: MethodOut | None
    delivery_method: MethodOut | None
    city: str | None
    contact_id: str | None
    contact_tokens: dict[str, list[str]]
    recipient_id: str | None
    recipient_tokens: dict[str, list[str]]
    note_token: str | None
    rest_token: str | None
    note_mixed: str | None
    version: int
    placed_at: datetime
    shop_modified_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class OrderCardOut(OrderOut):
    items: list[ItemOut]


class OrderPatch(Body):
    status: Status


class NoteNew(Body):
    """A note typed in a collect frame: one token of class `text` as a whole.

    `mixed`: what the frame gave beside it, where the officer lets classified texts cross.
    """

    token: TokenIn
    mixed: MixedIn | None = None
