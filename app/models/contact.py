"""A person the shop deals with: a subject of the vault and the tokens that stand in for their data."""

from datetime import datetime

from sqlalchemy import and_
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.models.base import Base, TenantRow
from app.models.columns import MixedText, SubjectText, TokenText


class ContactToken(TenantRow, Base):
    """One token of a contact. `origin` is `staff` (typed by hand, stands first) or `shop` (came with an order)."""

    __tablename__ = "contact_token"

    contact_id: Mapped[str] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(TokenText(), primary_key=True)
    class_id: Mapped[str]
    origin: Mapped[str]
    position: Mapped[int]


class Contact(TenantRow, Base):
    """`version` grows with each change and is the row's ETag; `erased_at`: the vault erased this person then."""

    __tablename__ = "contact"

    id: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(SubjectText())
    note_token: Mapped[str | None] = mapped_column(TokenText("text"))
    note_mixed: Mapped[str | None] = mapped_column(MixedText(beside="note_token"))
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]

    token_rows: Mapped[list[ContactToken]] = relationship(
        primaryjoin=lambda: and_(
            Contact.tenant_id == foreign(ContactToken.tenant_id), Contact.id == foreign(ContactToken.contact_id)
        ),
        order_by=lambda: (ContactToken.class_id, ContactToken.origin.desc(), ContactToken.position),
        lazy="raise",
        viewonly=True,
    )

    @property
    def tokens(self) -> dict[str, list[str]]:
        """Class → tokens, the current one first (what staff corrected by hand before what the shop sent)."""
        return by_class(self.token_rows)


def by_class(rows: "list[ContactToken]") -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.class_id, []).append(row.token)
    return found
