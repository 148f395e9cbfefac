"""The vault on a real database and a real transit engine: a whole life of keys, and what befalls the engine."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence

import pytest

from pii_vault.assemble import open_vault
from pii_vault.errors import KeyServiceUnavailable, UnknownTenantKey
from pii_vault.keys import transit, transit_session
from pii_vault.keys.service import WrappedKey
from pii_vault.keys.transit import TransitKeys, create_transit_keys
from pii_vault.operations.ciphers import key_context
from pii_vault.operations.items import TokeniseItem
from pii_vault.operations.reveal import reveal
from pii_vault.operations.rewrap import rewrap
from pii_vault.operations.rotate import rotate, trim
from pii_vault.operations.tokenise import tokenise
from pii_vault.vault import Vault
from scripts.rehearse.real_vault import RealVault
from tests.support.persons import person
from tests.support.postgres import Database
from tests.support.vault import POLICIES, prepare, program, rows


@pytest.fixture
async def operator(engine: RealVault, vault_database: Database) -> AsyncIterator[Vault]:
    """As `larets keys` opens it."""
    options = engine.options("operator")
    create_transit_keys(options)
    keys = TransitKeys(options)
    await prepare(vault_database, keys, tenants=("demo", "other"))
    async with open_vault(vault_database.runtime_url, keys, POLICIES, pool_size=2) as opened:
        yield opened


@pytest.fixture
async def vault(operator: Vault, engine: RealVault, vault_database: Database) -> AsyncIterator[Vault]:
    """As a worker opens it."""
    assert operator.shut is None
    keys = TransitKeys(engine.options("vault"))
    async with open_vault(vault_database.runtime_url, keys, POLICIES, pool_size=4) as opened:
        yield opened


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transit_session, "DEADLINE_SECONDS", 0.6)
    monkeypatch.setattr(transit_session, "TIMEOUTS", (0.3, 0.3))
    monkeypatch.setattr(transit_session, "DOWN_SECONDS", 0.0)
    monkeypatch.setattr(transit, "CALL_SECONDS", 1.5)


async def take(vault: Vault, first: int, count: int) -> list[str]:
    items = [TokeniseItem("name", person(number).name) for number in range(first, first + count)]
    return [one.token or "" for one in await tokenise(vault, program(), items, request_id="r")]


async def read(vault: Vault, tokens: Sequence[str]) -> list[str | None]:
    answers = await reveal(vault, program(), purpose="delivery", tokens=tokens, request_id="r")
    return [one.value for one in answers]


def names(first: int, count: int) -> list[str]:
    return [person(number).name for number in range(first, first + count)]


async def test_the_whole_life_of_a_key_and_an_old_backup_that_opens_no_more(vault: Vault, operator: Vault) -> None:
    tokens = await take(vault, 0, 600)
    backup = await vault.pool.fetch("SELECT subject, retention, kek_version, wrapped FROM dek")
    assert await rotate(operator, "demo", "kek") == 2
    tokens += await take(vault, 600, 20)
    assert (await rewrap(operator, "demo", load=1, batch=300)).damaged == 0
    vault.ready.forget("demo")
    await trim(operator, "demo", "kek")
    vault.deks.clear()
    assert await read(vault, tokens) == names(0, 620)
    assert await read(vault, await take(vault, 620, 1)) == names(620, 1)
    old = [(key_context(row[0], row[1]), WrappedKey(row[2], row[3])) for row in backup if row[2] == 1]
    assert len(old) == 600
    with pytest.raises(UnknownTenantKey, match="version 1"):
        await operator.keys.unwrap("demo", old[:5])


async def test_a_key_that_was_ready_before_a_trim_is_never_stored(
    vault: Vault, operator: Vault, vault_database: Database
) -> None:
    await take(vault, 0, 1)
    await asyncio.sleep(0.5)
    assert vault.ready._shelves
    await rotate(operator, "demo", "kek")
    await rewrap(operator, "demo", load=1)
    await trim(operator, "demo", "kek")
    tokens = await take(vault, 1, 3)
    assert {version for (version,) in rows(vault_database, "SELECT kek_version FROM dek")} == {2}
    vault.deks.clear()
    assert await read(vault, tokens) == names(1, 3)


@pytest.mark.usefixtures("hurry")
async def test_while_the_engine_is_down_cached_keys_serve_and_the_rest_is_refused(
    vault: Vault, engine: RealVault, vault_database: Database
) -> None:
    known = await take(vault, 0, 5)
    stranger = await take(vault, 5, 1)
    vault.deks.clear()
    assert await read(vault, known) == names(0, 5)
    await asyncio.sleep(0.5)  # some ready keys too
    engine.kill()
    try:
        assert await read(vault, known) == names(0, 5)
        assert await read(vault, await take(vault, 6, 1)) == names(6, 1)
        started = time.monotonic()
        with pytest.raises(KeyServiceUnavailable) as caught:
            await read(vault, stranger)
        assert (caught.value.status_code, caught.value.code) == (503, "key_service_unavailable")
        vault.deks._ttl_seconds = 0.0
        vault.deks.clear()
        with pytest.raises(KeyServiceUnavailable):
            await read(vault, known)
        vault.ready.forget("demo")
        before = rows(vault_database, "SELECT count(*) FROM pii_value")
        with pytest.raises(KeyServiceUnavailable):
            await take(vault, 7, 1)
        assert rows(vault_database, "SELECT count(*) FROM pii_value") == before
        assert time.monotonic() - started < 6
    finally:
        vault.deks._ttl_seconds = 600.0
        engine.start()
    until = time.monotonic() + 10
    while True:
        try:
            assert await read(vault, [*known, *stranger]) == names(0, 6)
            break
        except KeyServiceUnavailable:
            assert time.monotonic() < until
            await asyncio.sleep(0.1)


@pytest.mark.usefixtures("hurry")
async def test_an_engine_that_dies_during_a_rewrap_costs_nothing_but_time(
    vault: Vault, operator: Vault, engine: RealVault, vault_database: Database
) -> None:
    tokens = await take(vault, 0, 400)
    await rotate(operator, "demo", "kek")
    killed = False

    def kill_once(_state: object) -> None:
        nonlocal killed
        if not killed:
            killed = True
            engine.kill()

    with pytest.raises(KeyServiceUnavailable):
        await rewrap(operator, "demo", load=1, batch=100, progress=kill_once)
    engine.start()
    await asyncio.sleep(0.5)
    again = await rewrap(operator, "demo", load=1, batch=100)
    assert (again.before, again.rows) == (100, 300)
    assert {version for (version,) in rows(vault_database, "SELECT kek_version FROM dek")} == {2}
    vault.deks.clear()
    assert await read(vault, tokens) == names(0, 400)


async def test_a_forked_worker_has_connections_of_its_own(operator: Vault, engine: RealVault) -> None:
    """The process opens its keys before it forks its workers."""
    keys = TransitKeys(engine.options("vault"))
    [(dek, wrapped)] = await operator.keys.generate("demo", [b"subject"])
    assert await keys.unwrap("demo", [(b"subject", wrapped)]) == [dek]
    keys._process = os.getpid() + 1
    before = keys._threads
    assert await keys.unwrap("demo", [(b"subject", wrapped)]) == [dek]
    assert keys._threads is not before
