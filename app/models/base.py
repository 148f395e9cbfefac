"""The declarative base and the columns every tenant's row has."""

from datetime import datetime

from sqlalchemy import DateTime, MetaData, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

TIMESTAMP = DateTime(timezone=True)


class Base(DeclarativeBase):
    """Tables are created by the migrations; the models describe them."""

    metadata = MetaData()
    type_annotation_map = {str: Text, datetime: TIMESTAMP}  # noqa: RUF012  SQLAlchemy reads it as a plain attribute


class TenantRow:
    """Row of one tenant. Row-level security hides it from every other tenant (see the migrations)."""

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
