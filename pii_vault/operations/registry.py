"""Tenants and programs, registered by the operator under the owner role: the runtime role can only read them."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Literal

import asyncpg

from pii_vault.errors import InvalidRequest, StoreUnavailable, TenantKeyExists
from pii_vault.keys.service import KeyService
from pii_vault.store import GONE

_TENANT = re.compile(r"[a-z][a-z0-9-]{2,39}")

_INSERT_TENANT = "INSERT INTO tenant (id) VALUES ($1) ON CONFLICT (id) DO NOTHING"
_UPSERT_CLIENT = """
INSERT INTO service_client (trust_domain, cn, tenants, roles, purposes) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (trust_domain, cn) DO UPDATE
SET tenants = excluded.tenants, roles = excluded.roles, purposes = excluded.purposes
"""


async def create_tenant(owner_url: str, keys: KeyService, tenant: str) -> bool:
    """Keys first, then the row, so that a tenant with a row can always work. Repeating finishes what was begun.

    Returns:
        Whether the tenant is new.

    Raises:
        InvalidRequest: the id is not a slug.
    """
    if not _TENANT.fullmatch(tenant):
        raise InvalidRequest("a tenant id has 3 to 40 lower-case letters, digits and hyphens")
    with suppress(TenantKeyExists):
        await keys.create_tenant(tenant)
    async with _owner(owner_url) as connection:
        return str(await connection.execute(_INSERT_TENANT, tenant)) == "INSERT 0 1"


async def register_service_client(
    owner_url: str,
    *,
    trust_domain: Literal["private", "public"],
    cn: str,
    tenants: Sequence[str],
    roles: Sequence[str],
    purposes: Sequence[str],
) -> None:
    """Lets a program with this certificate act for these tenants, in these roles, for these purposes only."""
    async with _owner(owner_url) as connection:
        await connection.execute(_UPSERT_CLIENT, trust_domain, cn, list(tenants), list(roles), list(purposes))


@asynccontextmanager
async def _owner(url: str) -> AsyncIterator[asyncpg.Connection]:
    try:
        connection = await asyncpg.connect(url, timeout=5)
    except GONE as error:
        raise StoreUnavailable from error
    try:
        yield connection
    finally:
        await connection.close()
