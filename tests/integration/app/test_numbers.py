"""Orders found by their number: by its beginning or its end, and by an index, under row-level security."""

from typing import Any

import psycopg
import pytest
from sqlalchemy import Select, select
from sqlalchemy.dialects import postgresql

from app.kit.db import Database
from app.models import Order
from app.orders import service as orders
from app.orders.filters import OrderFilters
from app.orders.repository import _narrow
from tests.integration.app.support import TENANT, Take
from tests.support.postgres import Database as Clone

# Copies of the one order, so that the planner has something to choose between.
CROWD = """
INSERT INTO orders ({names})
SELECT {names} FROM (
    SELECT (jsonb_populate_record(o, jsonb_build_object(
        'id', 'copy' || n, 'external_id', 'x' || n, 'number', 'A' || (100000 + n) || '-' || (n % 97)))).*
    FROM orders o, generate_series(1, 20000) AS n
) AS copies
"""
STORED = """
SELECT string_agg(column_name, ', ') FROM information_schema.columns
WHERE table_name = 'orders' AND is_generated = 'NEVER'
"""


def crowd(clone: Clone) -> None:
    with psycopg.connect(clone.superuser_url, autocommit=True) as connection:
        (names,) = connection.execute(STORED).fetchone() or ("",)
        connection.execute(CROWD.replace("{names}", names).encode())
        connection.execute("ANALYZE orders")


def plan_of(clone: Clone, query: Select[Any]) -> str:
    """As the service's own role, bound to the tenant."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    compiled = query.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    with psycopg.connect(clone.runtime_url) as connection:
        connection.execute("SELECT set_config('larets.tenant', %s, false)", (TENANT,))
        return "\n".join(line for (line,) in connection.execute(f"EXPLAIN (COSTS OFF) {compiled}".encode()))


async def found(db: Database, number: str) -> list[str]:
    async with db.tenant(TENANT) as session:
        page = await orders.list_orders(session, filters=OrderFilters(number=number), limit=50, cursor=None)
    return sorted(order.number for order in page.data)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("2026-1060", ["2026-1060/A"]),
        ("1060/a", ["2026-1060/A"]),
        ("2026", ["2026-1060/A", "2026-1061"]),
        ("1061", ["2026-1061"]),
        ("%", []),
        ("_026", []),
        ("6-10", []),  # the middle of a number finds nothing
        ("заказ", []),
    ],
)
async def test_number_is_found_by_its_beginning_or_its_end(
    take: Take, db: Database, app_database: Clone, typed: str, expected: list[str]
) -> None:
    for seed, number in enumerate(("2026-1060/A", "2026-1061"), 1):
        await take(seed=seed, number=f"n{seed}")
        with psycopg.connect(app_database.superuser_url) as connection:  # the form of a shop yet to come
            connection.execute("UPDATE orders SET number = %s WHERE external_id = %s", (number, str(seed)))
    assert await found(db, typed) == expected


async def test_search_by_number_is_served_by_its_indexes(take: Take, app_database: Clone) -> None:
    await take()
    crowd(app_database)
    plan = plan_of(app_database, _narrow(select(Order), OrderFilters(number="A100777")))
    assert "orders_by_number_head" in plan
    assert "orders_by_number_tail" in plan
    assert "Seq Scan" not in plan


async def test_like_would_read_the_whole_table(take: Take, app_database: Clone) -> None:
    """Under row-level security an index does not serve it, which is why the search compares."""
    await take()
    crowd(app_database)
    assert "Seq Scan" in plan_of(app_database, select(Order).where(Order.number_head.like("a100777%")))
