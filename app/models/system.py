"""What the service itself remembers: answers given under an idempotency key, events already taken in."""

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, TenantRow


class IdempotencyKey(TenantRow, Base):
    """`key_digest` covers who, route and key: the key itself is a stranger's text and is not kept."""

    __tablename__ = "idempotency_key"

    key_digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    etag: Mapped[str | None]
    expires_at: Mapped[datetime]


class IntakeEvent(TenantRow, Base):
    """An event of the private contour that was taken in; its second delivery is a duplicate."""

    __tablename__ = "intake_event"

    id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str]
    received_at: Mapped[datetime]
