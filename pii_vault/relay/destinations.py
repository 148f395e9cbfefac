"""A shop's list of hosts outside, and what signs in there, sealed by the key service."""

import hashlib
import hmac
import secrets
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg

from pii_vault import store
from pii_vault.core.envelope import open_sealed, seal
from pii_vault.core.primitives import AesGcmCipher
from pii_vault.errors import InvalidRequest, UnwrapFailed
from pii_vault.keys.contexts import destination_context
from pii_vault.keys.service import KeyService, WrappedKey
from pii_vault.relay import store as sql
from pii_vault.relay.errors import UnknownDestination
from pii_vault.relay.outside import Destination

_SCHEMES: Final = {"https": "http", "http": "http", "smtps": "smtp", "smtp": "smtp"}


def check_url(url: str, *, local: bool) -> str:
    """The kind of a destination of this address. Raises InvalidRequest.

    Without TLS only on a developer's machine: `http` at all, and `smtp` without STARTTLS.
    """
    parts = urlsplit(url)
    kind = _SCHEMES.get(parts.scheme)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if kind is None or not parts.hostname or port == 0:
        raise InvalidRequest("url: give https://host[:port][/prefix], smtps://host[:port] or smtp://host[:port].")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InvalidRequest("url: no sign-in, query or fragment belongs into it; give --login and the secret apart.")
    if parts.scheme == "http" and not local:
        raise InvalidRequest("url: persons leave under TLS alone: give https://.")
    return kind


def _place(tenant_key: int, destination: str) -> bytes:
    return b"larets relay secret\0" + tenant_key.to_bytes(4, "big") + destination.encode()


async def add_destination(
    owner_url: str, keys: KeyService, destination: Destination, *, tenant: str, local: bool
) -> str:
    """Lists a host; gives the secret end of the address that its delivery reports come to.

    Done by the operator under the owner role: the runtime role reads the list and cannot lengthen it.

    Raises:
        InvalidRequest, UnknownDestination (no such shop).
    """
    kind = check_url(destination.url, local=local)
    report = secrets.token_urlsafe(24)
    connection = await asyncpg.connect(owner_url)
    try:
        tenant_key = await connection.fetchval("SELECT key FROM tenant WHERE id = $1", tenant)
        if tenant_key is None:
            raise UnknownDestination("There is no such shop.")
        [(dek, wrapped)] = await keys.generate(tenant, [destination_context(destination.id)])
        sealed = seal(AesGcmCipher(dek), destination.secret.encode(), aad=_place(tenant_key, destination.id))
        try:
            await connection.execute(
                sql.ADD_DESTINATION, tenant_key, destination.id, kind, destination.url, destination.sender,
                destination.login, wrapped.kek_version, wrapped.blob, sealed, _hash(report),
            )  # fmt: skip
        except asyncpg.UniqueViolationError:
            raise InvalidRequest("The shop has a destination of this name: take another one.") from None
    finally:
        await connection.close()
    return report


async def open_destination(
    pool: asyncpg.Pool, keys: KeyService, *, tenant: str, tenant_key: int, name: str
) -> Destination:
    """Raises UnknownDestination, StoreUnavailable, KeyServiceUnavailable."""
    rows = await store.fetch(pool, sql.DESTINATION, tenant_key, name)
    if not rows:
        raise UnknownDestination
    row: Any = rows[0]
    wrapped = WrappedKey(row["kek_version"], row["wrapped"])
    try:
        [dek] = await keys.unwrap(tenant, [(destination_context(name), wrapped)])
    except UnwrapFailed:
        raise UnknownDestination("The destination's secret cannot be opened: add it again.") from None
    secret = open_sealed(AesGcmCipher(dek), row["sealed"], aad=_place(tenant_key, name)).decode()
    return Destination(row["id"], row["kind"], row["url"], row["sender"], row["login"], secret)


async def is_report_key(pool: asyncpg.Pool, *, tenant: str, name: str, secret: str) -> int | None:
    """The tenant's key, if this is the secret of the destination's reports."""
    rows = await store.fetch(pool, sql.REPORT_KEY, tenant, name)
    kept = rows[0]["report_key"] if rows else bytes(32)
    same = hmac.compare_digest(kept, _hash(secret))
    return int(rows[0]["tenant_key"]) if rows and same else None


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
