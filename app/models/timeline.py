from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, TenantRow
from app.models.columns import MixedText, TokenText


class TimelineEvent(TenantRow, Base):
    """One thing that happened to an order or a contact. Rows are only ever added.

    `kind`: order_created, order_updated, order_deleted, status_changed, note_added, contact_created,
    contact_corrected, person_erased, message_ordered. `actor_id` is a staff id or null (the shop did it); `data` holds
    no personal data: statuses, class ids, titles of templates; a text about the person is `token`, and `mixed` where
    classified texts cross.
    """

    __tablename__ = "timeline_event"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    contact_id: Mapped[str | None]
    order_id: Mapped[str | None]
    actor_id: Mapped[str | None]
    actor_alias: Mapped[str | None]
    token: Mapped[str | None] = mapped_column(TokenText())
    mixed: Mapped[str | None] = mapped_column(MixedText(beside="token"))
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    occurred_at: Mapped[datetime]
