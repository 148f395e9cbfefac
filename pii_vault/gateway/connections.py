"""A shop's connection to a connector: its address and its secret, sealed by the key service."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg

from pii_vault import store
from pii_vault.core.envelope import open_sealed, seal
from pii_vault.core.primitives import AesGcmCipher, derive_key
from pii_vault.core.tokens import new_id
from pii_vault.gateway.errors import UnknownConnection, UnknownTenant
from pii_vault.gateway.port import Connector
from pii_vault.keys.contexts import connection_context
from pii_vault.keys.service import KeyService, WrappedKey

SECRET_BYTES: Final = 32
CACHED_SECRETS: Final = 1024

FETCH: Final = """
SELECT c.key, c.kek_version, c.wrapped, c.sealed, t.key AS tenant_key, t.status
FROM gateway_connection c JOIN tenant t ON t.key = c.tenant_key
WHERE c.id = $1 AND t.id = $2 AND c.connector = $3 AND c.disabled IS NULL
"""
INSERT: Final = """
WITH made AS (
    INSERT INTO gateway_connection (id, tenant_key, connector, kek_version, wrapped, sealed)
    VALUES ($1, $2, $3, $4, $5, $6) RETURNING key
)
INSERT INTO gateway_dictionary (connection_key, kind, code, title)
SELECT made.key, k, c, t FROM made, unnest($7::text[], $8::text[], $9::text[]) AS d(k, c, t)
"""
TENANT: Final = "SELECT key FROM tenant WHERE id = $1"
FIND: Final = """
SELECT c.key FROM gateway_connection c JOIN tenant t ON t.key = c.tenant_key
WHERE t.id = $1 AND c.disabled IS NULL AND ($2::text IS NULL OR c.id = $2)
ORDER BY c.key LIMIT 2
"""


@dataclass(frozen=True, slots=True)
class Connection:
    """An enabled connection with its secret opened. Lives for one delivery."""

    key: int
    id: str
    connector: str
    tenant: str
    tenant_key: int
    suspended: bool
    secret: bytes = field(repr=False)
    digest_key: bytes = field(repr=False)  # for recognising deliveries; dies with the secret


@dataclass(frozen=True, slots=True)
class NewConnection:
    """Shown once to whoever connects the shop; afterwards the secret exists sealed only."""

    id: str
    path: str
    secret: str = field(repr=False)


def _place(tenant_key: int, connection: str) -> bytes:
    return b"larets gateway secret\0" + tenant_key.to_bytes(4, "big") + connection.encode()


async def connect(owner_url: str, keys: KeyService, connector: Connector, *, tenant: str) -> NewConnection:
    """A new connection of a shop, with the codes every shop of that system has in its dictionary.

    Done by the operator under the owner role: the runtime role can read connections, never make one.

    Raises:
        UnknownTenant: there is no such shop.
    """
    connection = new_id("con")
    secret = secrets.token_urlsafe(SECRET_BYTES)
    acquired = await asyncpg.connect(owner_url)
    try:
        tenant_key = await acquired.fetchval(TENANT, tenant)
        if tenant_key is None:
            raise UnknownTenant
        [(dek, wrapped)] = await keys.generate(tenant, [connection_context(connection)])
        sealed = seal(AesGcmCipher(dek), secret.encode(), aad=_place(tenant_key, connection))
        kinds, codes = zip(*connector.seed, strict=True) if connector.seed else ((), ())
        await acquired.execute(
            INSERT, connection, tenant_key, connector.id, wrapped.kek_version, wrapped.blob, sealed,
            list(kinds), list(codes), list(connector.seed.values()),
        )  # fmt: skip
    finally:
        await acquired.close()
    return NewConnection(connection, f"/in/{connector.id}/{tenant}/{connection}", secret)


async def find(pool: asyncpg.Pool, *, tenant: str, connection: str | None = None) -> int:
    """The key of the named connection, or of the only one the shop has. Raises UnknownConnection."""
    rows = await store.fetch(pool, FIND, tenant, connection)
    if len(rows) > 1:
        raise UnknownConnection("This shop has several connections: name one with --connection.")
    if not rows:
        raise UnknownConnection
    return int(rows[0]["key"])


class Connections:
    """Looks connections up for each delivery, so that a disabled one is refused at once.

    Opened secrets are kept by their sealed bytes: a key service call per webhook would make it a bottleneck.
    """

    def __init__(self, pool: asyncpg.Pool, keys: KeyService) -> None:
        self._pool = pool
        self._keys = keys
        self._opened: OrderedDict[bytes, tuple[bytes, bytes]] = OrderedDict()

    async def get(self, connector: str, tenant: str, connection: str) -> Connection | None:
        """The connection, or None when there is none of these names."""
        rows = await store.fetch(self._pool, FETCH, connection, tenant, connector)
        if not rows:
            return None
        row = rows[0]
        secret, digest_key = await self._open(tenant, connection, row)
        return Connection(
            key=row["key"],
            id=connection,
            connector=connector,
            tenant=tenant,
            tenant_key=row["tenant_key"],
            suspended=row["status"] != "active",
            secret=secret,
            digest_key=digest_key,
        )

    async def _open(self, tenant: str, connection: str, row: Any) -> tuple[bytes, bytes]:
        known = self._opened.get(row["sealed"])
        if known is not None:
            self._opened.move_to_end(row["sealed"])
            return known
        wrapped = WrappedKey(row["kek_version"], row["wrapped"])
        [dek] = await self._keys.unwrap(tenant, [(connection_context(connection), wrapped)])
        secret = open_sealed(AesGcmCipher(dek), row["sealed"], aad=_place(row["tenant_key"], connection))
        opened = (secret, derive_key(secret, b"larets gateway delivery"))
        self._opened[row["sealed"]] = opened
        if len(self._opened) > CACHED_SECRETS:
            self._opened.popitem(last=False)
        return opened
