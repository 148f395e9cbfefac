"""A vault of the tests: real PostgreSQL, real policies, keys in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from psycopg import sql

from pii_vault.access.principal import Principal
from pii_vault.keys.service import KeyService
from pii_vault.operations.registry import create_tenant, register_service_client
from tests.support.postgres import Database

POLICIES = Path(__file__).parents[2] / "policies"
PURPOSES = ("order_processing", "delivery", "support", "accounting")


async def prepare(database: Database, keys: KeyService, *, tenants: tuple[str, ...]) -> None:
    """Tenants with keys, and the program `bench` registered for the first of them."""
    for tenant in tenants:
        await create_tenant(database.owner_url, keys, tenant)
    await register_service_client(
        database.owner_url,
        trust_domain="private",
        cn="bench",
        tenants=tenants[:1],
        roles=["program"],
        purposes=PURPOSES,
    )
    await register_service_client(
        database.owner_url,
        trust_domain="public",
        cn="crm",
        tenants=tenants,
        roles=["public_service"],
        purposes=[],
    )


def staff(role: str, *, tenant: str = "demo", second_factor_age: timedelta | None = timedelta(minutes=5)) -> Principal:
    given = None if second_factor_age is None else datetime.now(UTC) - second_factor_age
    return Principal(
        kind="staff",
        id=f"stf_{role}",
        tenant=tenant,
        roles=(role,),
        contour="private",
        second_factor_at=given,
        label=role,
    )


def program(*, tenant: str = "demo", role: str = "program") -> Principal:
    return Principal(kind="service", id="bench", tenant=tenant, roles=(role,), contour="private")


def rows(database: Database, statement: str, *arguments: object) -> list[tuple[object, ...]]:
    """Rows as the superuser sees them."""
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        cursor = connection.execute(statement, arguments or None)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def unwritable_log(database: Database) -> Iterator[None]:
    """The head of the audit log is held by somebody who does not let go."""
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("SELECT FROM audit_head FOR UPDATE")
        yield


@contextmanager
def outage(database: Database) -> Iterator[None]:
    """The database takes no connections, and has none, for a while."""
    elsewhere = database.superuser_url.rsplit("/", 1)[0] + "/postgres"
    name = sql.Identifier(database.name)
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database.name,)
        )
        try:
            yield
        finally:
            connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))
