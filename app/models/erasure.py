from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, TenantRow
from app.models.columns import SubjectText


class ErasedSubject(TenantRow, Base):
    """A person whom the vault erased. No token of theirs is taken again but those in `kept`."""

    __tablename__ = "erased_subject"

    subject: Mapped[str] = mapped_column(SubjectText(), primary_key=True)
    kept: Mapped[list[str]] = mapped_column(ARRAY(Text))
    dropped: Mapped[int]
    erased_at: Mapped[datetime]
