from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class Tenant(Base):
    """A shop. `id` is the slug that both contours know it by."""

    __tablename__ = "tenant"

    id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    created_at: Mapped[datetime]
