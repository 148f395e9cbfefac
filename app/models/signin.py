from datetime import datetime

from sqlalchemy import LargeBinary
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, TenantRow


class StaffSession(TenantRow, Base):
    """A signed-in browser of a member of staff, known by an opaque id and a work alias.

    The cookie's secret is stored as its SHA-256 digest; the issuer's refresh token is sealed under the key of
    the cookie secret file, so that a copy of the database opens no session here and none at the issuer.
    """

    __tablename__ = "staff_session"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    staff_id: Mapped[str]
    alias: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    issuer_session: Mapped[str]
    refresh_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    access_expires_at: Mapped[datetime]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
