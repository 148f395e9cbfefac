"""A standby that is behind, broken or slow costs no right answer; who asks for its own writes finds them."""

import asyncio
import time

import psycopg
import pytest

from pii_vault.errors import AuditUnavailable, StoreUnavailable
from pii_vault.operations.items import TokeniseItem
from pii_vault.operations.reveal import reveal
from pii_vault.operations.search import search
from pii_vault.operations.tokenise import tokenise
from pii_vault.replicas import standby
from pii_vault.vault import Vault
from scripts.local import postgres
from tests.integration.pii_vault.replicas.conftest import Crowd, Reads
from tests.support.postgres import PASSWORD, Database
from tests.support.replica import Replica
from tests.support.vault import outage, program, rows

NEW = "+79991234567"


async def values(vault: Vault, tokens: list[str]) -> list[str | None]:
    answers = await reveal(vault, program(), purpose="order_processing", tokens=tokens, request_id="r")
    return [answer.value for answer in answers]


async def store_new(vault: Vault) -> tuple[str, int]:
    """The token of a person who was just stored, and the position of that."""
    [result] = await tokenise(vault, program(), [TokeniseItem("phone", NEW)], request_id="r")
    return result.token or "", vault.audit.stats.size


async def found(vault: Vault, *, after: int | None = None) -> int:
    who, purpose = program(), "order_processing"
    return len(await search(vault, who, purpose=purpose, class_id="phone", value=NEW, request_id="r", after=after))


async def test_what_the_standby_does_not_have_yet_is_completed(
    vault: Vault, crowd: Crowd, replica: Replica, reads: Reads
) -> None:
    with replica.halted():
        token, _ = await store_new(vault)
        assert await values(vault, [*crowd.tokens, token]) == [*crowd.phones, NEW]
    assert reads() == {"replica": 1}


async def test_a_search_finds_what_was_stored_just_now(vault: Vault, replica: Replica, reads: Reads) -> None:
    with replica.halted():
        before = vault.audit.stats.size
        _, position = await store_new(vault)
        assert await found(vault) == 1  # nothing was said: everything that was committed
        assert await found(vault, after=position) == 1
        assert reads() == {"behind": 2}
        assert await found(vault, after=before) == 0  # who asks for less gets it from the standby
        assert reads() == {"behind": 2, "replica": 1}


async def test_a_standby_that_follows_in_a_moment_is_waited_for(vault: Vault, replica: Replica, reads: Reads) -> None:
    vault.replicas._wait = 5.0
    with replica.halted():
        await store_new(vault)
        asking = asyncio.create_task(found(vault))
        await asyncio.sleep(0.1)
        assert not asking.done()
    assert await asking == 1
    assert reads() == {"replica": 1}


async def test_a_position_that_the_log_does_not_have_is_answered_by_the_primary(vault: Vault, reads: Reads) -> None:
    assert await found(vault, after=10**9) == 0
    assert reads() == {}


async def test_small_requests_stay_with_the_primary(vault: Vault, crowd: Crowd, reads: Reads) -> None:
    assert await values(vault, crowd.tokens[:50]) == crowd.phones[:50]
    assert reads() == {}


async def test_a_slow_standby_is_left_alone(
    vault: Vault, crowd: Crowd, replica: Replica, reads: Reads, vault_database: Database
) -> None:
    """Its table is locked, by a lock of the primary whose end it does not learn of."""
    vault.replicas._standbys[0].seconds = standby.STANDBY_SECONDS
    with psycopg.connect(vault_database.superuser_url) as locking:
        locking.execute("LOCK TABLE pii_value IN ACCESS EXCLUSIVE MODE")
        rows(vault_database, "CREATE TABLE written_after_the_lock (x int)")
        halted = replica.halted()
        halted.__enter__()
        locking.commit()
    try:
        began = time.monotonic()
        assert await values(vault, crowd.tokens) == crowd.phones
        assert time.monotonic() - began >= standby.STANDBY_SECONDS
        again = time.monotonic()
        assert await values(vault, crowd.tokens) == crowd.phones
        assert reads() == {"broken": 2}
        assert time.monotonic() - again < standby.STANDBY_SECONDS  # the second did not wait for it
    finally:
        halted.__exit__(None, None, None)


async def test_a_standby_that_goes_away_and_comes_back(
    vault: Vault, crowd: Crowd, replica: Replica, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby, "FIRST_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(standby, "PAUSE_SECONDS", 0.1)
    vault.replicas._standbys[0]._pause = 0.1
    data, port = replica.cluster.data, replica.cluster.port
    postgres.stop(data, mode="immediate")
    assert await values(vault, crowd.tokens) == crowd.phones
    assert await found(vault) == 0
    assert reads() == {"broken": 2}
    await asyncio.to_thread(postgres.start, data, port=port, password=PASSWORD, settings=replica.settings)
    replica.catch_up()
    for _ in range(100):
        await asyncio.sleep(0.1)
        await vault.replicas.look()
        if vault.replicas._standbys[0].fence is not None:
            break
    assert await values(vault, crowd.tokens) == crowd.phones
    assert reads() == {"broken": 2, "replica": 1}


async def test_nothing_is_released_while_the_primary_is_away(
    vault: Vault, crowd: Crowd, vault_database: Database
) -> None:
    with outage(vault_database), pytest.raises((StoreUnavailable, AuditUnavailable)):
        await values(vault, crowd.tokens)


async def test_a_standby_is_never_written_to(vault: Vault) -> None:
    pool = vault.replicas._standbys[0].pool
    with pytest.raises(Exception, match="read-only"):
        await pool.execute("DELETE FROM idempotency")
