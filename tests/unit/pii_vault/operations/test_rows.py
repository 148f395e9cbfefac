"""Shared statements: each request gets its own rows, whatever it waited with."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from pii_vault import store
from pii_vault.errors import StoreUnavailable
from pii_vault.kept import KeptConnections
from pii_vault.operations import rows
from pii_vault.operations.rows import RowLoader
from pii_vault.packed import HEAD, PackedRows
from pii_vault.replicas.reads import Replicas

PERSON = b"p" * 16


class Database:
    """Answers with a row for each token that does not begin with a zero byte; `fails` next times."""

    def __init__(self) -> None:
        self.statements: list[tuple[int, int]] = []  # tenant, tokens
        self.fails = 0

    async def fetch(self, _statement: str, tokens: Sequence[bytes], tenant: int) -> list[Any]:
        self.statements.append((tenant, len(tokens)))
        await asyncio.sleep(0.001)
        if self.fails:
            self.fails -= 1
            raise StoreUnavailable
        found = [token for token in tokens if token[0]]
        packed = b"".join(HEAD.pack(bytes(2) + PERSON, tenant, token, 1) + b"x" for token in found)
        return [(packed, PERSON + b"a" + bytes(8))] if found else []


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    fake = Database()
    monkeypatch.setattr(store, "fetch", lambda _pool, *rest: fake.fetch(*rest))
    monkeypatch.setattr(KeptConnections, "fetch", staticmethod(fake.fetch))
    return fake


def token(number: int) -> bytes:
    return number.to_bytes(16, "little")


def seen(rows: PackedRows) -> list[tuple[bytes, int]]:
    """Tokens and tenants, for which the class stands here."""
    return [(row[0], row[2]) for row in rows]


async def test_requests_that_wait_together_share_a_statement(database: Database) -> None:
    loader = RowLoader(None, Replicas(None))
    answers = await asyncio.gather(*(loader.fetch(1, [token(n), token(n + 1)]) for n in range(1, 50)))
    assert [seen(answer) for answer in answers] == [[(token(n), 1), (token(n + 1), 1)] for n in range(1, 50)]
    assert len(database.statements) < 10


async def test_tenants_never_share_one(database: Database) -> None:
    loader = RowLoader(None, Replicas(None))
    answers = await asyncio.gather(*(loader.fetch(n % 3, [token(7)]) for n in range(30)))
    assert [seen(answer) for answer in answers] == [[(token(7), n % 3)] for n in range(30)]
    assert {tenant for tenant, _ in database.statements} == {0, 1, 2}


async def test_an_unknown_token_gives_no_row(database: Database) -> None:
    assert seen(await RowLoader(None, Replicas(None)).fetch(1, [token(0), token(3)])) == [(token(3), 1)]
    assert database.statements == [(1, 2)]


async def test_a_statement_bears_only_so_many(database: Database) -> None:
    loader = RowLoader(None, Replicas(None))
    many = [[token(1 + n * rows.SMALL + m) for m in range(rows.SMALL)] for n in range(40)]
    await asyncio.gather(*(loader.fetch(1, each) for each in many))
    assert max(count for _, count in database.statements) <= rows.MOST


async def test_one_that_comes_as_the_last_is_answered_is_not_left_behind(database: Database) -> None:
    loader = RowLoader(None, Replicas(None))

    async def one_after_another(number: int) -> None:
        for _ in range(20):
            assert seen(await loader.fetch(1, [token(number)])) == [(token(number), 1)]

    await asyncio.wait_for(asyncio.gather(*(one_after_another(number) for number in range(1, 4))), 5)
    assert database.statements


async def test_a_large_request_goes_alone(database: Database) -> None:
    wanted = [token(n) for n in range(1, rows.SMALL + 2)]
    assert len(seen(await RowLoader(None, Replicas(None)).fetch(1, wanted))) == len(wanted)
    assert database.statements == [(1, len(wanted))]


async def test_a_failure_is_that_groups_alone(database: Database) -> None:
    loader = RowLoader(None, Replicas(None))
    database.fails = 1
    first = asyncio.create_task(loader.fetch(1, [token(1)]))
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable):
        await first
    assert seen(await loader.fetch(1, [token(1)])) == [(token(1), 1)]


async def test_a_request_that_gave_up_harms_nobody(database: Database) -> None:
    loader = RowLoader(None, Replicas(None))
    given_up = asyncio.create_task(loader.fetch(1, [token(1)]))
    others = [asyncio.create_task(loader.fetch(1, [token(2)])) for _ in range(3)]
    await asyncio.sleep(0)
    given_up.cancel()
    assert [seen(answer) for answer in await asyncio.gather(*others)] == [[(token(2), 1)]] * 3
    assert database.statements
