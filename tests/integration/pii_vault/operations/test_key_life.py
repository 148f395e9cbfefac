"""The life of a tenant's keys on a real database: rotate → re-wrap → trim, and what stops each step."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import asyncpg
import psycopg
import pytest
from psycopg import sql

from pii_vault.assemble import open_vault
from pii_vault.errors import (
    AuditUnavailable,
    InvalidRequest,
    KeyServiceUnavailable,
    KeyStepRefused,
    NotFound,
    UnknownTenantKey,
)
from pii_vault.gateway.connections import Connections, connect
from pii_vault.gateway.registry import CONNECTORS
from pii_vault.keys.contexts import IDENTITY_CONTEXT, IDENTITY_TENANT
from pii_vault.keys.memory import MemoryKeyService
from pii_vault.keys.service import WrappedKey
from pii_vault.keys.versions import IndexVersions, Versions
from pii_vault.operations import rotate as rotating
from pii_vault.operations.ciphers import key_context
from pii_vault.operations.items import TokeniseItem
from pii_vault.operations.reveal import reveal
from pii_vault.operations.rewrap import Rewrapped, rewrap
from pii_vault.operations.rotate import index_versions, rotate, trim
from pii_vault.operations.tokenise import tokenise
from pii_vault.vault import Vault
from tests.support.persons import person
from tests.support.postgres import Database
from tests.support.vault import POLICIES, program, rows


@pytest.fixture(autouse=True)
def no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotating, "SETTLE_SECONDS", 0.0)


async def take(vault: Vault, first: int, count: int, *, tenant: str = "demo") -> list[str]:
    """Tokens of as many new persons' names."""
    items = [TokeniseItem("name", person(number).name) for number in range(first, first + count)]
    return [one.token or "" for one in await tokenise(vault, program(tenant=tenant), items, request_id="r")]


async def read(vault: Vault, tokens: Sequence[str], *, tenant: str = "demo") -> list[str | None]:
    answers = await reveal(vault, program(tenant=tenant), purpose="delivery", tokens=tokens, request_id="r")
    return [one.value for one in answers]


def versions(database: Database, table: str = "dek") -> Counter[object]:
    return Counter(version for (version,) in rows(database, f"SELECT kek_version FROM {table}"))  # noqa: S608


def verbs(database: Database) -> list[tuple[object, ...]]:
    kept = "('rotate', 'rewrap', 'trim')"
    return rows(database, f"SELECT verb, decision FROM audit_detail WHERE verb IN {kept} ORDER BY idx")  # noqa: S608


async def test_a_whole_life_leaves_every_value_readable_and_only_the_new_key(
    vault: Vault, vault_database: Database
) -> None:
    tokens = await take(vault, 0, 30)
    assert await rotate(vault, "demo", "kek") == 2
    tokens += await take(vault, 30, 5)
    assert versions(vault_database) == {1: 30, 2: 5}
    done = await rewrap(vault, "demo", load=1, batch=8)
    assert (done.rows, done.damaged, done.target) == (30, 0, 2)
    assert versions(vault_database) == {2: 35}
    trimmed = await trim(vault, "demo", "kek")
    assert (trimmed.before, trimmed.after) == (Versions(1, 1, 2), Versions(2, 2, 2))
    vault.deks.clear()
    assert await read(vault, tokens) == [person(number).name for number in range(35)]
    assert verbs(vault_database) == [
        ("rotate", "intent"), ("rotate", "allow"),
        *[("rewrap", "allow")] * 4,
        ("trim", "intent"), ("trim", "closed"), ("trim", "allow"),
    ]  # fmt: skip


async def test_a_backup_older_than_the_trim_opens_no_more(
    vault: Vault, keys: MemoryKeyService, vault_database: Database
) -> None:
    await take(vault, 0, 3)
    backup: list[Any] = list(rows(vault_database, "SELECT subject, retention, kek_version, wrapped FROM dek"))
    old = [(key_context(row[0].bytes, row[1]), WrappedKey(row[2], row[3])) for row in backup]
    assert len(await keys.unwrap("demo", old)) == 3
    await rotate(vault, "demo", "kek")
    await rewrap(vault, "demo", load=1)
    await trim(vault, "demo", "kek")
    with pytest.raises(UnknownTenantKey, match="version 1"):
        await keys.unwrap("demo", old)


async def test_other_tenants_keys_stay_as_they_are(vault: Vault, vault_database: Database) -> None:
    await take(vault, 0, 2)
    theirs = await take(vault, 2, 2, tenant="other")
    await rotate(vault, "demo", "kek")
    await rewrap(vault, "demo", load=1)
    assert versions(vault_database) == {2: 2, 1: 2}
    await trim(vault, "demo", "kek")
    assert await read(vault, theirs, tenant="other") == [person(2).name, person(3).name]


# --- refusals ----------------------------------------------------------------------------------------


async def test_a_trim_is_refused_while_a_row_names_an_older_version(vault: Vault, keys: MemoryKeyService) -> None:
    tokens = await take(vault, 0, 3)
    await rotate(vault, "demo", "kek")
    with pytest.raises(KeyStepRefused, match=r"3 in dek; run larets keys rewrap"):
        await trim(vault, "demo", "kek")
    assert await keys.versions("demo", "kek") == Versions(1, 1, 2)
    vault.deks.clear()
    assert await read(vault, tokens) == [person(number).name for number in range(3)]


async def test_a_table_nobody_thought_of_stops_the_trim_too(vault: Vault, vault_database: Database) -> None:
    await rotate(vault, "demo", "kek")
    with psycopg.connect(vault_database.owner_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE tape (tenant_key integer, kek_version integer)")
        connection.execute("INSERT INTO tape SELECT key, 1 FROM tenant WHERE id = 'demo'")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await trim(vault, "demo", "kek")
        connection.execute("GRANT SELECT ON tape TO larets_vault")
        with pytest.raises(KeyStepRefused, match="1 in tape"):
            await trim(vault, "demo", "kek")
        connection.execute("ALTER TABLE tape DROP COLUMN tenant_key")
        with pytest.raises(KeyStepRefused, match="no tenant_key"):
            await trim(vault, "demo", "kek")


async def test_the_record_of_an_erasure_is_no_row_under_an_old_version(vault: Vault, vault_database: Database) -> None:
    await rotate(vault, "demo", "kek")
    with psycopg.connect(vault_database.superuser_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO erasure (id, tenant_key, subject, groups, reason, requested_by, kek_version, index_version) "
            "SELECT 'ers_' || repeat('0', 26), key, gen_random_uuid(), '{0}', 'withdrawn', 'stf_1', 1, 1 "
            "FROM tenant WHERE id = 'demo'"
        )
    assert (await trim(vault, "demo", "kek")).after.oldest == 2


async def test_without_a_rotation_there_is_nothing_to_trim(vault: Vault) -> None:
    with pytest.raises(KeyStepRefused, match="rotate before"):
        await trim(vault, "demo", "kek")


async def test_an_unknown_tenant_has_no_keys_to_rotate(vault: Vault) -> None:
    for step in (rotate, trim):
        with pytest.raises(NotFound):
            await step(vault, "nobody", "kek")
    with pytest.raises(NotFound):
        await rewrap(vault, "nobody")
    with pytest.raises(InvalidRequest):
        await rewrap(vault, "demo", load=0)


async def test_the_database_lets_no_version_fall(vault: Vault, vault_database: Database) -> None:
    assert await index_versions(vault, "demo") == IndexVersions(1, 1, 1)
    with psycopg.connect(vault_database.owner_url, autocommit=True) as connection:
        connection.execute("UPDATE tenant SET kek_minimum = 3, index_newest = 2, index_writes = 2")
        for column in ("kek_minimum", "index_newest", "index_writes"):
            lower = sql.SQL("UPDATE tenant SET {} = 1").format(sql.Identifier(column))
            with pytest.raises(psycopg.errors.CheckViolation, match="only ever rises"):
                connection.execute(lower)
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("UPDATE tenant SET index_oldest = 3")


# --- at the same time --------------------------------------------------------------------------------


async def test_a_worker_that_slept_through_the_trim_cannot_store_a_key_nobody_opens(
    vault: Vault, keys: MemoryKeyService, vault_database: Database
) -> None:
    """It wraps under what it knew; the database refuses the row, and the act is planned anew."""
    stale = keys._tenants["demo"]
    await rotate(vault, "demo", "kek")
    await trim(vault, "demo", "kek")
    generate = keys.generate
    calls = 0

    async def sleepy(tenant: str, contexts: Sequence[bytes]) -> list[tuple[bytes, WrappedKey]]:
        nonlocal calls
        calls += 1
        return stale.generate(contexts) if calls == 1 else await generate(tenant, contexts)

    keys.generate = sleepy  # type: ignore[method-assign]
    tokens = await take(vault, 0, 2)
    assert calls == 2
    assert versions(vault_database) == {2: 2}
    vault.deks.clear()
    assert await read(vault, tokens) == [person(0).name, person(1).name]


async def test_the_trim_waits_for_a_transaction_that_wrote_before_it(
    vault: Vault, keys: MemoryKeyService, vault_database: Database
) -> None:
    await rotate(vault, "demo", "kek")
    async with await psycopg.AsyncConnection.connect(vault_database.runtime_url) as slow:
        await slow.execute("INSERT INTO dek SELECT gen_random_uuid(), 0, key, 1, '\\x00' FROM tenant WHERE id = 'demo'")
        trimming = asyncio.create_task(trim(vault, "demo", "kek"))
        await asyncio.sleep(0.3)
        assert not trimming.done()
        await slow.commit()
    with pytest.raises(KeyStepRefused, match="1 in dek"):
        await trimming
    assert (await keys.versions("demo", "kek")).oldest == 1


async def test_a_subject_erased_during_the_rewrap_does_not_come_back(
    vault: Vault, keys: MemoryKeyService, vault_database: Database
) -> None:
    await take(vault, 0, 3)
    await rotate(vault, "demo", "kek")
    rewrapped = keys.rewrap

    async def erase_meanwhile(tenant: str, wrapped: Sequence[tuple[bytes, WrappedKey]]) -> list[WrappedKey]:
        with psycopg.connect(vault_database.superuser_url, autocommit=True) as connection:
            connection.execute("DELETE FROM dek WHERE subject = (SELECT min(subject::text)::uuid FROM dek)")
        return await rewrapped(tenant, wrapped)

    keys.rewrap = erase_meanwhile  # type: ignore[method-assign]
    await rewrap(vault, "demo", load=1)
    assert versions(vault_database) == {2: 2}


async def test_values_are_read_and_written_while_keys_are_rewrapped(vault: Vault, vault_database: Database) -> None:
    tokens = await take(vault, 0, 40)
    await rotate(vault, "demo", "kek")
    running = asyncio.create_task(rewrap(vault, "demo", load=1, batch=4))
    for number in range(40, 60):
        vault.deks.clear()
        assert await read(vault, tokens) == [person(each).name for each in range(40)]
        await take(vault, number, 1)
    assert (await running).rows == 40
    assert versions(vault_database) == {2: 60}


# --- interruptions -----------------------------------------------------------------------------------


async def test_a_killed_rewrap_goes_on_where_it_stopped(
    vault: Vault, keys: MemoryKeyService, vault_database: Database
) -> None:
    await take(vault, 0, 20)
    await rotate(vault, "demo", "kek")

    def stop(state: Rewrapped) -> None:
        if state.rows == 10:
            keys.available = False

    with pytest.raises(KeyServiceUnavailable):
        await rewrap(vault, "demo", load=1, batch=5, progress=stop)
    assert versions(vault_database) == {2: 10, 1: 10}
    [(done, finished)] = rows(vault_database, "SELECT done, finished FROM rewrap_progress")
    assert (done, finished) == (10, None)
    keys.available = True
    again = await rewrap(vault, "demo", load=1, batch=5)
    assert (again.before, again.rows) == (10, 10)
    assert versions(vault_database) == {2: 20}
    assert (await rewrap(vault, "demo", load=1)).rows == 0


async def test_a_second_rotation_during_a_rewrap_begins_anew(vault: Vault, vault_database: Database) -> None:
    await take(vault, 0, 4)
    await rotate(vault, "demo", "kek")
    await rewrap(vault, "demo", load=1)
    await rotate(vault, "demo", "kek")
    assert (await rewrap(vault, "demo", load=1)).rows == 4
    assert versions(vault_database) == {3: 4}


async def test_a_damaged_key_is_counted_and_holds_up_no_other(vault: Vault, vault_database: Database) -> None:
    await take(vault, 0, 5)
    with psycopg.connect(vault_database.superuser_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE dek SET wrapped = overlay(wrapped PLACING '\\x00' FROM 20) "
            "WHERE subject = (SELECT min(subject::text)::uuid FROM dek)"
        )
    await rotate(vault, "demo", "kek")
    done = await rewrap(vault, "demo", load=1)
    assert (done.rows, done.damaged) == (4, 1)
    with pytest.raises(KeyStepRefused, match="1 in dek"):
        await trim(vault, "demo", "kek")


async def test_when_the_record_cannot_be_written_nothing_is_rewrapped(vault: Vault, vault_database: Database) -> None:
    await take(vault, 0, 2)
    await rotate(vault, "demo", "kek")
    with psycopg.connect(vault_database.superuser_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE audit_log RENAME TO audit_log_gone")
    with pytest.raises(AuditUnavailable):
        await rewrap(vault, "demo", load=1)
    assert versions(vault_database) == {1: 2}


# --- keys that are no subject's ----------------------------------------------------------------------


async def test_a_connections_secret_is_rewrapped_and_still_opens(
    vault: Vault, keys: MemoryKeyService, vault_database: Database
) -> None:
    made = await connect(vault_database.owner_url, keys, CONNECTORS["woocommerce"], tenant="demo")
    await rotate(vault, "demo", "kek")
    await rewrap(vault, "demo", load=1)
    assert versions(vault_database, "gateway_connection") == {2: 1}
    await trim(vault, "demo", "kek")
    found = await Connections(vault.pool, keys).get("woocommerce", "demo", made.id)
    assert found is not None
    assert found.secret == made.secret.encode()


async def test_the_identity_key_rotates_like_a_shops(
    vault: Vault, keys: MemoryKeyService, vault_database: Database
) -> None:
    await keys.create_tenant(IDENTITY_TENANT)
    [(dek, wrapped)] = await keys.generate(IDENTITY_TENANT, [IDENTITY_CONTEXT])
    with psycopg.connect(vault_database.owner_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO identity_key (version, kek_version, blob) VALUES (1, %s, %s)",
            (wrapped.kek_version, wrapped.blob),
        )
    await rotate(vault, IDENTITY_TENANT, "kek")
    with pytest.raises(KeyStepRefused, match="1 in identity_key"):
        await trim(vault, IDENTITY_TENANT, "kek")
    assert (await rewrap(vault, IDENTITY_TENANT, load=1)).rows == 1
    await trim(vault, IDENTITY_TENANT, "kek")
    [kept] = await vault.pool.fetch("SELECT kek_version, blob FROM identity_key")
    assert await keys.unwrap(IDENTITY_TENANT, [(IDENTITY_CONTEXT, WrappedKey(*kept))]) == [dek]


# --- index keys --------------------------------------------------------------------------------------


async def test_a_new_index_version_is_searched_before_it_is_written(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[IndexVersions] = []

    async def look(_seconds: float) -> None:
        seen.append(await index_versions(vault, "demo"))

    monkeypatch.setattr("pii_vault.operations.rotate.asyncio.sleep", look)
    assert await rotate(vault, "demo", "index") == 2
    assert seen == [IndexVersions(1, 1, 2)]
    assert list(seen[0].searched) == [1, 2]
    assert await index_versions(vault, "demo") == IndexVersions(1, 2, 2)


async def test_an_interrupted_index_rotation_is_finished_and_not_repeated(vault: Vault, keys: MemoryKeyService) -> None:
    await keys.rotate("demo", "index")  # killed after the key service, before the database
    assert await rotate(vault, "demo", "index") == 2
    assert await index_versions(vault, "demo") == IndexVersions(1, 2, 2)
    assert await rotate(vault, "demo", "index") == 3


async def test_an_index_key_is_kept_while_a_digest_names_it(vault: Vault, vault_database: Database) -> None:
    await tokenise(vault, program(), [TokeniseItem("phone", "+79001112233")], request_id="r")
    await rotate(vault, "demo", "index")
    with pytest.raises(KeyStepRefused, match="1 in pii_value"):
        await trim(vault, "demo", "index")
    with psycopg.connect(vault_database.superuser_url, autocommit=True) as connection:
        connection.execute("UPDATE pii_value SET index_version = 2")
    assert (await trim(vault, "demo", "index")).after == Versions(2, 2, 2)
    assert await index_versions(vault, "demo") == IndexVersions(2, 2, 2)


async def test_the_runtime_role_cannot_take_a_tenants_other_columns(vault_database: Database) -> None:
    with (
        psycopg.connect(vault_database.runtime_url, autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("UPDATE tenant SET status = 'active'")


async def test_the_life_of_keys_survives_a_new_worker(
    vault: Vault, keys: MemoryKeyService, vault_database: Database
) -> None:
    tokens = await take(vault, 0, 3)
    await rotate(vault, "demo", "kek")
    await rewrap(vault, "demo", load=1)
    await trim(vault, "demo", "kek")
    async with open_vault(vault_database.runtime_url, keys, POLICIES) as another:
        assert await read(another, tokens) == [person(number).name for number in range(3)]
