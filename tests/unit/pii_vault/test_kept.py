"""Connections that stay with a lane: giving one back must not fail because it was lost meanwhile."""

from typing import Any

import asyncpg
import pytest

from pii_vault.kept import KeptConnections


class Pool:
    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.released: list[Any] = []

    async def release(self, connection: Any) -> None:
        self.released.append(connection)
        if self.error is not None:
            raise self.error


class Connection:
    pass


@pytest.mark.parametrize("error", [None, asyncpg.InternalClientError("a free holder"), OSError()])
async def test_all_are_given_back_though_one_was_lost(error: Exception | None) -> None:
    pool: Any = Pool(error)
    kept = KeptConnections(pool)
    connections: list[Any] = [Connection(), Connection()]
    for connection in connections:
        kept.give(connection)
    await kept.close()
    assert pool.released == connections


async def test_what_is_no_fault_of_the_database_is_not_hidden() -> None:
    pool: Any = Pool(ZeroDivisionError())
    kept = KeptConnections(pool)
    connections: list[Any] = [Connection(), Connection()]
    for connection in connections:
        kept.give(connection)
    with pytest.raises(ZeroDivisionError):
        await kept.close()
    assert pool.released == connections  # the others went back all the same
