"""Signing keys of the issuer: ES256, sealed at rest, rotated with an overlap.

Three states: `next` is published and does not sign yet, so every reader of the key set knows it before it matters;
`current` signs; `retired` stays published until the last token it signed has expired. One row each of the first two
(held by unique indexes), any number of the third.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.jws import CompactSignature
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session, sessionmaker

from pii_vault.core.tokens import new_id
from pii_vault.errors import Unauthenticated
from pii_vault.identity.errors import SigningKeyMissing
from pii_vault.identity.keys import IdentityKeys
from pii_vault.identity.models import SigningKey
from pii_vault.identity.policy import IdentityPolicy

ALGORITHM: Final = "ES256"
ACCESS_TOKEN_TYPE: Final = "at+jwt"  # noqa: S105  RFC 9068: an id token is not taken for an access token
_REREAD: Final = timedelta(seconds=30)
_REREAD_UNKNOWN: Final = timedelta(seconds=2)
_LOCK_ROTATION: Final = text("SELECT pg_advisory_xact_lock(hashtext('larets signing keys'))")


class SigningKeys:
    """The keys as one process last read them. Thread-safe; re-read as time goes by and on an unknown key id."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        keys: IdentityKeys,
        *,
        clock: Callable[[], datetime],
        policy: IdentityPolicy,
    ) -> None:
        self._sessions = sessions
        self._keys = keys
        self._clock = clock
        self._policy = policy
        self._lock = threading.Lock()
        self._read_at: datetime | None = None
        self._current: ECKey | None = None
        self._published: dict[str, ECKey] = {}

    def current(self) -> ECKey:
        self._read(_REREAD)
        if self._current is None:
            raise SigningKeyMissing
        return self._current

    def public_set(self) -> dict[str, Any]:
        self._read(_REREAD)
        return {"keys": [dict(key.as_dict(private=False)) for key in self._published.values()]}

    def sign(self, claims: dict[str, Any], *, token_type: str) -> str:
        key = self.current()
        return jwt.encode({"alg": ALGORITHM, "kid": key.kid, "typ": token_type}, claims, key)

    def verify(self, token: str, *, token_type: str) -> dict[str, Any]:
        """The claims of a token that one of the published keys signed. Times and audience are the caller's.

        Raises:
            Unauthenticated: anything but our algorithm, our type and a key that we published under this id.
        """
        try:
            decoded = jwt.decode(token, self._key_of, algorithms=[ALGORITHM])
        except (JoseError, ValueError, TypeError, KeyError):
            raise Unauthenticated from None
        if decoded.header.get("typ") != token_type:
            raise Unauthenticated
        return dict(decoded.claims)

    def _key_of(self, signature: Any) -> ECKey:
        """Only by our own key id: keys that come inside a token, or no id at all, are never used."""
        if not isinstance(signature, CompactSignature):
            raise Unauthenticated
        kid = signature.headers().get("kid")
        self._read(_REREAD)
        if kid not in self._published:
            self._read(_REREAD_UNKNOWN)
        if not isinstance(kid, str) or kid not in self._published:
            raise Unauthenticated
        return self._published[kid]

    def _read(self, older_than: timedelta) -> None:
        now = self._clock()
        with self._lock:
            if self._read_at is not None and abs(now - self._read_at) < older_than:
                return
            with self._sessions.begin() as session:
                rows = _published_rows(session, now=now)
                if not rows:
                    _make_first(session, self._keys, policy=self._policy, now=now)
                    rows = _published_rows(session, now=now)
            self._published = {row.kid: ECKey.import_key(row.public_jwk) for row in rows}
            current = next((row for row in rows if row.state == "current"), None)
            self._current = _open_key(current, self._keys) if current else None
            self._read_at = now


def rotate_signing_key(session: Session, keys: IdentityKeys, *, policy: IdentityPolicy, now: datetime) -> str:
    """The published next key begins to sign and a new next one is published. Returns the id of the signing key.

    Tokens of the key before stay valid until they expire. Readers of the key set notice nothing.
    """
    session.execute(_LOCK_ROTATION)
    rows = {row.state: row for row in session.scalars(select(SigningKey).where(SigningKey.state != "retired"))}
    if old := rows.get("current"):
        old.state = "retired"
        old.published_until = now + policy.signing_key_overlap
        session.flush()
    coming = rows.get("next") or _new_key(keys, state="current", now=now)
    coming.state = "current"
    session.add(coming)
    session.flush()
    session.add(_new_key(keys, state="next", now=now))
    session.execute(delete(SigningKey).where(SigningKey.published_until < now))
    session.flush()
    return coming.kid


def _make_first(session: Session, keys: IdentityKeys, *, policy: IdentityPolicy, now: datetime) -> None:
    """Several processes may start at once on an empty table: who comes second finds the keys of the first."""
    session.execute(_LOCK_ROTATION)
    if not _published_rows(session, now=now):
        rotate_signing_key(session, keys, policy=policy, now=now)


def _new_key(keys: IdentityKeys, *, state: str, now: datetime) -> SigningKey:
    kid = new_id("key")
    key = ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": ALGORITHM}, private=True)
    private = key.as_pem(private=True).decode()
    return SigningKey(
        kid=kid,
        algorithm=ALGORITHM,
        state=state,
        public_jwk=dict(key.as_dict(private=False)),
        sealed=keys.seal(private, context=f"signing_key/{kid}"),
        created_at=now,
    )


def _open_key(row: SigningKey, keys: IdentityKeys) -> ECKey:
    private = keys.open(row.sealed, context=f"signing_key/{row.kid}")
    return ECKey.import_key(private.encode(), {"kid": row.kid, "use": "sig", "alg": ALGORITHM})


def _published_rows(session: Session, *, now: datetime) -> list[SigningKey]:
    rows = session.scalars(select(SigningKey).order_by(SigningKey.created_at))
    return [row for row in rows if row.published_until is None or row.published_until > now]
