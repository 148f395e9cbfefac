"""Row-level security: no tenant, another tenant, and every table that has a tenant."""

import psycopg
import pytest
from psycopg.types.json import Jsonb

from app.models import Base
from tests.integration.app.support import OTHER, TENANT, Take, order_event
from tests.support.postgres import Database as Clone

TENANT_TABLES = sorted(
    table.name for table in Base.metadata.tables.values() if "tenant_id" in table.columns or table.name == "tenant"
)


def _columns(connection: psycopg.Connection) -> list[tuple[str, str]]:
    return connection.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
    ).fetchall()


@pytest.fixture
async def filled(take: Take, app_database: Clone) -> Clone:
    for tenant in (TENANT, OTHER):
        await take(order_event(tenant=tenant))
    with psycopg.connect(app_database.superuser_url) as connection:
        connection.execute(
            "INSERT INTO erased_subject (tenant_id, subject, kept, dropped, erased_at)"
            " SELECT id, 'sub_' || repeat('0', 28), '{}', 1, now() FROM tenant"
        )
        connection.execute(
            "INSERT INTO message (tenant_id, id, contact_id, template, version, digest, title, purpose, channel,"
            " parameters, actor_id, actor_alias, state, change, created_at, updated_at)"
            " SELECT tenant_id, 'msg_' || repeat('0', 26), id, 't', 1, 'd', 'Т', 'delivery', 'sms', '{}', 'stf_1', 'x',"
            " 'sent', 1, now(), now() FROM contact"
        )
    return app_database


def test_every_table_with_a_tenant_is_isolated_by_force(app_database: Clone) -> None:
    with psycopg.connect(app_database.superuser_url) as connection:
        with_tenant = {table for table, column in _columns(connection) if column == "tenant_id"} | {"tenant"}
        forced = connection.execute(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity AND relkind = 'r'"
        ).fetchall()
        policies = connection.execute("SELECT tablename FROM pg_policies WHERE qual LIKE '%larets.tenant%'").fetchall()
    assert with_tenant == {name for (name,) in forced} == {name for (name,) in policies} == set(TENANT_TABLES)


def test_the_models_have_the_columns_of_the_migrations(app_database: Clone) -> None:
    with psycopg.connect(app_database.superuser_url) as connection:
        found = set(_columns(connection))
    stated = {(table.name, column.name) for table in Base.metadata.tables.values() for column in table.columns}
    assert stated == {pair for pair in found if pair[0] in Base.metadata.tables}


def test_the_runtime_role_is_no_superuser_and_cannot_bypass(app_database: Clone) -> None:
    with psycopg.connect(app_database.runtime_url) as connection:
        rights = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        owned = connection.execute("SELECT count(*) FROM pg_tables WHERE tableowner = current_user").fetchone()
    assert rights == (False, False, False)
    assert owned == (0,)


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_without_a_tenant_nothing_is_visible(filled: Clone, table: str) -> None:
    with psycopg.connect(filled.runtime_url) as connection:
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # noqa: S608  a table of this schema
        connection.execute("SELECT set_config('larets.tenant', '', true)")
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # noqa: S608  a table of this schema


@pytest.mark.parametrize("table", [name for name in TENANT_TABLES if name not in {"staff_session", "idempotency_key"}])
def test_a_tenant_sees_its_own_rows_alone(filled: Clone, table: str) -> None:
    column = "id" if table == "tenant" else "tenant_id"
    with psycopg.connect(filled.runtime_url) as connection:
        connection.execute("SELECT set_config('larets.tenant', %s, true)", (TENANT,))
        seen = connection.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall()  # noqa: S608  the same
    assert seen == [(TENANT,)]


def test_even_the_owner_sees_no_orders_without_a_tenant(filled: Clone) -> None:
    with psycopg.connect(filled.owner_url) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (0,)


def test_a_row_of_another_tenant_cannot_be_written(filled: Clone) -> None:
    with psycopg.connect(filled.runtime_url) as connection:
        connection.execute("SELECT set_config('larets.tenant', %s, true)", (TENANT,))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(
                "INSERT INTO timeline_event (tenant_id, id, kind, data, occurred_at) VALUES (%s, 'x', 'k', %s, now())",
                (OTHER, Jsonb({})),
            )


def test_another_tenants_rows_cannot_be_changed_or_deleted(filled: Clone) -> None:
    with psycopg.connect(filled.runtime_url) as connection:
        connection.execute("SELECT set_config('larets.tenant', %s, true)", (TENANT,))
        assert connection.execute("UPDATE orders SET status = 'x' WHERE tenant_id = %s", (OTHER,)).rowcount == 0
        assert connection.execute("DELETE FROM orders WHERE tenant_id = %s", (OTHER,)).rowcount == 0


def test_history_cannot_be_changed(filled: Clone) -> None:
    with psycopg.connect(filled.runtime_url) as connection:
        connection.execute("SELECT set_config('larets.tenant', %s, true)", (TENANT,))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("UPDATE timeline_event SET kind = 'x'")


@pytest.mark.parametrize(
    ("table", "column"),
    [("contact_token", "token"), ("order_token", "token"), ("contact", "subject"), ("orders", "note_token")],
)
def test_the_database_refuses_what_is_no_token(filled: Clone, table: str, column: str) -> None:
    with psycopg.connect(filled.runtime_url) as connection:
        connection.execute("SELECT set_config('larets.tenant', %s, true)", (TENANT,))
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(f"UPDATE {table} SET {column} = 'Орлова Анна'")  # noqa: S608  the same


def test_the_worker_may_list_tenants_and_no_more(filled: Clone) -> None:
    with psycopg.connect(filled.runtime_url) as connection:
        assert connection.execute("SELECT tenant_ids()").fetchall() == [(TENANT,), (OTHER,)]
        assert connection.execute("SELECT count(*) FROM tenant").fetchone() == (0,)
