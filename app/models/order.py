"""An order as it came from a shop, and what staff did with it. Personal fields are tokens."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Computed, Numeric, Text, and_
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.models.base import Base, TenantRow
from app.models.columns import MixedText, TokenText
from app.models.contact import Contact

CONTACT, RECIPIENT = "contact", "recipient"


class OrderItem(TenantRow, Base):
    __tablename__ = "order_item"

    order_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    external_id: Mapped[str]
    product_id: Mapped[str | None]
    sku: Mapped[str | None]
    title: Mapped[str | None]
    quantity: Mapped[Decimal] = mapped_column(Numeric())
    price: Mapped[Decimal] = mapped_column(Numeric())
    total: Mapped[Decimal] = mapped_column(Numeric())


class OrderToken(TenantRow, Base):
    """A token as this order had it: a later order's address must not change where this one was sent.

    `party` is `contact` (who ordered) or `recipient` (who receives); `origin` as in `ContactToken`.
    """

    __tablename__ = "order_token"

    order_id: Mapped[str] = mapped_column(primary_key=True)
    party: Mapped[str] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(TokenText(), primary_key=True)
    class_id: Mapped[str]
    origin: Mapped[str]
    position: Mapped[int]


class Order(TenantRow, Base):
    """`status` is the CRM's; `shop_status` what the shop last said, so that only its changes move `status`."""

    __tablename__ = "orders"

    id: Mapped[str] = mapped_column(primary_key=True)
    connector: Mapped[str]
    connection_id: Mapped[str]
    external_id: Mapped[str]
    sequence: Mapped[int]
    number: Mapped[str]
    number_head: Mapped[str] = mapped_column(Text(collation="C"), Computed("lower(number)"), deferred=True)
    number_tail: Mapped[str] = mapped_column(Text(collation="C"), Computed("reverse(lower(number))"), deferred=True)
    status: Mapped[str]
    shop_status: Mapped[str]
    currency: Mapped[str]
    total: Mapped[Decimal] = mapped_column(Numeric())
    shipping_total: Mapped[Decimal] = mapped_column(Numeric())
    discount_total: Mapped[Decimal] = mapped_column(Numeric())
    source: Mapped[dict[str, str]] = mapped_column(JSONB)
    payment_code: Mapped[str | None]
    payment_title: Mapped[str | None]
    delivery_code: Mapped[str | None]
    delivery_title: Mapped[str | None]
    city: Mapped[str | None]
    contact_id: Mapped[str | None]
    recipient_id: Mapped[str | None]
    note_token: Mapped[str | None] = mapped_column(TokenText("text"))
    rest_token: Mapped[str | None] = mapped_column(TokenText("text"))
    note_mixed: Mapped[str | None] = mapped_column(MixedText(beside="note_token"))
    version: Mapped[int]
    placed_at: Mapped[datetime]
    shop_modified_at: Mapped[datetime]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]

    contact: Mapped[Contact | None] = relationship(
        primaryjoin=lambda: and_(
            foreign(Order.tenant_id) == Contact.tenant_id, foreign(Order.contact_id) == Contact.id
        ),
        lazy="raise",
        viewonly=True,
    )
    recipient: Mapped[Contact | None] = relationship(
        primaryjoin=lambda: and_(
            foreign(Order.tenant_id) == Contact.tenant_id, foreign(Order.recipient_id) == Contact.id
        ),
        lazy="raise",
        viewonly=True,
    )
    items: Mapped[list[OrderItem]] = relationship(
        primaryjoin=lambda: and_(
            Order.tenant_id == foreign(OrderItem.tenant_id), Order.id == foreign(OrderItem.order_id)
        ),
        order_by=lambda: OrderItem.position,
        lazy="raise",
        viewonly=True,
    )
    token_rows: Mapped[list[OrderToken]] = relationship(
        primaryjoin=lambda: and_(
            Order.tenant_id == foreign(OrderToken.tenant_id), Order.id == foreign(OrderToken.order_id)
        ),
        order_by=lambda: (OrderToken.class_id, OrderToken.origin.desc(), OrderToken.position),
        lazy="raise",
        viewonly=True,
    )

    def _tokens(self, party: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for row in self.token_rows:
            if row.party == party:
                found.setdefault(row.class_id, []).append(row.token)
        return found

    @property
    def contact_tokens(self) -> dict[str, list[str]]:
        """Class → tokens of who ordered, as this order had them; the current one first."""
        return self._tokens(CONTACT)

    @property
    def recipient_tokens(self) -> dict[str, list[str]]:
        """Class → tokens of who receives; empty when it is the person who ordered."""
        return self._tokens(RECIPIENT)

    @property
    def payment_method(self) -> dict[str, Any] | None:
        return _method(self.payment_code, self.payment_title)

    @property
    def delivery_method(self) -> dict[str, Any] | None:
        return _method(self.delivery_code, self.delivery_title)


def _method(code: str | None, title: str | None) -> dict[str, Any] | None:
    return None if code is None else {"code": code, "title": title}
