"""The database reads arrays as they were meant, and the driver takes them: this tells when either changes."""

from datetime import UTC, datetime

import pytest

from pii_vault.vault import Vault

ID = bytes(range(16))
LONG = b"x" * 70_000


@pytest.mark.parametrize(
    ("element", "values"),
    [
        ("uuid", [ID, bytes(16), ID]),
        ("uuid", [None, ID, None]),
        ("bytea", [b"", b"\x00", LONG]),
        ("bytea", [b"one", None]),
        ("smallint", [1, -2, 32767]),
        ("smallint", [None, 3]),
        ("int", [2**31 - 1, -(2**31), 0]),
        ("bigint", [2**63 - 1, -(2**63), 7]),
        ("boolean", [True, False, True]),
        ("boolean", [None, True]),
        ("text", ["ё", "", None]),
        ("timestamptz", [datetime(2026, 1, 2, tzinfo=UTC)]),
    ],
)
async def test_there_and_back(vault: Vault, element: str, values: list[object]) -> None:
    """As a whole, element by element, and of another make: what the database itself puts together."""
    assert await vault.pool.fetchval(f"SELECT $1::{element}[]", values) == values
    spread = f"unnest($1::{element}[]) WITH ORDINALITY AS u(x, n)"
    rows = await vault.pool.fetch("SELECT x FROM " + spread + " ORDER BY n", values)  # noqa: S608  the types above
    assert [row[0] for row in rows] == values
    assert await vault.pool.fetchval("SELECT array_agg(x ORDER BY n) FROM " + spread, values) == values  # noqa: S608
    assert await vault.pool.fetchval(f"SELECT $1::{element}[]", []) == []
    assert await vault.pool.fetchval(f"SELECT $1::{element}[]", None) is None


async def test_an_id_of_another_length_never_reaches_the_database(vault: Vault) -> None:
    with pytest.raises(Exception, match="16 bytes"):
        await vault.pool.fetchval("SELECT $1::uuid[]", [ID[:15]])
    assert await vault.pool.fetchval("SELECT 1") == 1  # and the connection goes on
