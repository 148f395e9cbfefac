"""The issuer's own key: seals what the tables hold about staff and finds a login without storing it.

One 256-bit key, made by the vault's key service for the reserved tenant below and kept wrapped in `identity_key`.
Each use has a sub-key under its own label. A dump of the database therefore gives no login, no second factor and
no signing key.
"""

import contextlib
import hashlib
import ipaddress
import secrets
import unicodedata
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, sessionmaker
from starlette.concurrency import run_in_threadpool

from pii_vault.core.envelope import open_sealed, seal
from pii_vault.core.primitives import AesGcmCipher, derive_key, keyed_hash
from pii_vault.errors import TenantKeyExists
from pii_vault.identity.models import IdentityKey
from pii_vault.keys.contexts import IDENTITY_CONTEXT, IDENTITY_TENANT
from pii_vault.keys.service import KeyService, WrappedKey

KEY_TENANT: Final = IDENTITY_TENANT


class IdentityKeys:
    """Sub-keys of one issuer key. Holds no state but keys."""

    def __init__(self, master: bytes) -> None:
        self._cipher = AesGcmCipher(derive_key(master, b"larets identity seal v1"))
        self._login = derive_key(master, b"larets identity login v1")
        self._throttle = derive_key(master, b"larets identity throttle v1")
        self._form = derive_key(master, b"larets identity form v1")
        self._recovery = derive_key(master, b"larets identity recovery v1")

    def seal(self, text: str, *, context: str) -> bytes:
        """Sealed for one place: `context` names table and row, so a blob moved elsewhere does not open."""
        return seal(self._cipher, text.encode(), aad=context.encode())

    def open(self, blob: bytes, *, context: str) -> str:
        return open_sealed(self._cipher, blob, aad=context.encode()).decode()

    def login_digest(self, login: str) -> bytes:
        return keyed_hash(self._login, normal_login(login).encode())

    def throttle_digest(self, kind: str, what: str) -> bytes:
        return keyed_hash(self._throttle, f"{kind}\0{what}".encode())

    def recovery_digest(self, staff_id: str, code: str) -> bytes:
        return keyed_hash(self._recovery, f"{staff_id}\0{code}".encode())

    def form_token(self, cookie: str) -> str:
        """Proves that a form was drawn by us for the browser that holds this cookie."""
        return keyed_hash(self._form, cookie.encode()).hex()


def normal_login(login: str) -> str:
    return unicodedata.normalize("NFKC", login).strip().casefold()


def address_block(address: str | None) -> str:
    """The block an address is counted with: /24 of IPv4, /56 of IPv6, so that one line cannot hop within its own."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    mapped = getattr(parsed, "ipv4_mapped", None)
    parsed = mapped or parsed
    width = 24 if parsed.version == 4 else 56  # noqa: PLR2004  the version of the protocol
    return str(ipaddress.ip_network(f"{parsed}/{width}", strict=False))


def new_secret() -> str:
    """256 random bits for a cookie, a code or a refresh token."""
    return secrets.token_urlsafe(32)


def secret_digest(secret: str) -> bytes:
    """How such a secret is stored. It is random and long, so a plain hash cannot be guessed back."""
    return hashlib.sha256(secret.encode()).digest()


async def load_identity_keys(service: KeyService, sessions: sessionmaker[Session]) -> IdentityKeys:
    """The issuer's key; made on the first call ever. Several processes may call at once: one row wins."""
    stored = await run_in_threadpool(_read, sessions)
    if stored is None:
        # It exists when an earlier start was interrupted between the two steps, or another process is at it.
        with contextlib.suppress(TenantKeyExists):
            await service.create_tenant(KEY_TENANT)
        [(_, wrapped)] = await service.generate(KEY_TENANT, [IDENTITY_CONTEXT])
        stored = await run_in_threadpool(_write_first, sessions, wrapped)
    [master] = await service.unwrap(KEY_TENANT, [(IDENTITY_CONTEXT, stored)])
    return IdentityKeys(master)


def _read(sessions: sessionmaker[Session]) -> WrappedKey | None:
    with sessions() as session:
        row = session.scalars(select(IdentityKey).order_by(IdentityKey.version.desc())).first()
        return WrappedKey(row.kek_version, row.blob) if row else None


def _write_first(sessions: sessionmaker[Session], wrapped: WrappedKey) -> WrappedKey:
    values = {"version": 1, "kek_version": wrapped.kek_version, "blob": wrapped.blob}
    with sessions.begin() as session:
        session.execute(insert(IdentityKey).values(values).on_conflict_do_nothing())
    kept = _read(sessions)
    assert kept is not None  # noqa: S101  the row was written above, by us or by whoever was faster
    return kept
