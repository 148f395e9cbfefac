"""Tables of the issuer (migration 0003) and of the programs (0001). The database holds comments on their columns."""

from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import BigInteger, DateTime, ForeignKey, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

Role = Literal["owner", "sales", "marketer", "warehouse", "officer"]
ROLES: Final[tuple[Role, ...]] = ("owner", "sales", "marketer", "warehouse", "officer")
StaffState = Literal["invited", "active", "disabled"]
CookieAudience = Literal["vault", "console"]


class Base(DeclarativeBase):
    type_annotation_map = {datetime: DateTime(timezone=True), str: Text, bytes: LargeBinary}  # noqa: RUF012


class Tenant(Base):
    __tablename__ = "tenant"

    key: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str]
    status: Mapped[str]
    title: Mapped[str]
    created: Mapped[datetime]


class ServiceClient(Base):
    """A program, or the public contour, as the service listener knows it by its certificate."""

    __tablename__ = "service_client"

    trust_domain: Mapped[str] = mapped_column(primary_key=True)
    cn: Mapped[str] = mapped_column(primary_key=True)
    tenants: Mapped[list[str]] = mapped_column(ARRAY(Text))
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    purposes: Mapped[list[str]] = mapped_column(ARRAY(Text))


class IdentityKey(Base):
    __tablename__ = "identity_key"

    version: Mapped[int] = mapped_column(primary_key=True)
    kek_version: Mapped[int]
    blob: Mapped[bytes]


class SigningKey(Base):
    __tablename__ = "signing_key"

    kid: Mapped[str] = mapped_column(primary_key=True)
    algorithm: Mapped[str]
    state: Mapped[str]
    public_jwk: Mapped[dict[str, Any]] = mapped_column(JSONB)
    sealed: Mapped[bytes]
    created_at: Mapped[datetime]
    published_until: Mapped[datetime | None]


class Staff(Base):
    __tablename__ = "staff"

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_key: Mapped[int] = mapped_column(ForeignKey("tenant.key"))
    alias: Mapped[str]
    role: Mapped[str]
    state: Mapped[str]
    login_digest: Mapped[bytes]
    login_sealed: Mapped[bytes]
    password_hash: Mapped[str | None]
    totp_sealed: Mapped[bytes | None]
    totp_step: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    tenant: Mapped[Tenant] = relationship(lazy="joined", innerjoin=True)

    def __repr__(self) -> str:
        return f"Staff({self.id})"

    @property
    def may_sign_in(self) -> bool:
        return self.state == "active" and self.tenant.status == "active"


class Invitation(Base):
    __tablename__ = "staff_invitation"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"))
    kind: Mapped[str]
    totp_sealed: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    staff: Mapped[Staff] = relationship(lazy="joined", innerjoin=True)


class StaffSession(Base):
    __tablename__ = "staff_session"

    sid: Mapped[str] = mapped_column(primary_key=True)
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"))
    device: Mapped[str]
    created_at: Mapped[datetime]
    auth_time: Mapped[datetime]
    second_factor_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None]

    staff: Mapped[Staff] = relationship(lazy="joined", innerjoin=True)


class SessionCookie(Base):
    __tablename__ = "session_cookie"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    sid: Mapped[str] = mapped_column(ForeignKey("staff_session.sid"))
    audience: Mapped[str]
    created_at: Mapped[datetime]


class SigninAttempt(Base):
    __tablename__ = "signin_attempt"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]

    staff: Mapped[Staff] = relationship(lazy="joined", innerjoin=True)


class Throttle(Base):
    __tablename__ = "signin_throttle"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    failures: Mapped[int]
    blocked_until: Mapped[datetime | None]
    changed_at: Mapped[datetime]


class AuthorizationCode(Base):
    __tablename__ = "authorization_code"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    sid: Mapped[str] = mapped_column(ForeignKey("staff_session.sid"))
    client_id: Mapped[str]
    redirect_uri: Mapped[str]
    scope: Mapped[str]
    nonce: Mapped[str | None]
    code_challenge: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class RefreshToken(Base):
    __tablename__ = "refresh_token"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    sid: Mapped[str] = mapped_column(ForeignKey("staff_session.sid"))
    client_id: Mapped[str]
    scope: Mapped[str]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
