from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class Tenant(Base):
    """A shop. `id` is the slug that both contours know it by; `title` what its staff call it."""

    __tablename__ = "tenant"

    id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    time_zone: Mapped[str] = mapped_column(server_default="Europe/Moscow")
    created_at: Mapped[datetime]
