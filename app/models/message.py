"""A message to one person: which approved template, and what became of it. Its text and address are the vault's."""

from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, TenantRow


class Message(TenantRow, Base):
    """`id` is the key under which the vault sends it once. `state`: `new` until the vault has it, then the vault's
    own; `change` counts what the vault told of it. `parameters` are facts, such as an order's number.
    """

    __tablename__ = "message"

    id: Mapped[str] = mapped_column(primary_key=True)
    contact_id: Mapped[str]
    order_id: Mapped[str | None]
    template: Mapped[str]
    version: Mapped[int]
    digest: Mapped[str]
    title: Mapped[str]
    purpose: Mapped[str]
    channel: Mapped[str]
    parameters: Mapped[dict[str, Any]] = mapped_column(JSONB)
    actor_id: Mapped[str]
    actor_alias: Mapped[str]
    dispatch: Mapped[str | None]
    state: Mapped[str]
    failure: Mapped[str | None]
    change: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
