"""The mark: drawn anew by every change of what may be released, whoever makes it, and by nothing else."""

import threading

import psycopg
import pytest

from pii_vault.operations.items import TokeniseItem
from pii_vault.operations.tokenise import tokenise
from pii_vault.vault import Vault
from tests.support.postgres import Database
from tests.support.vault import program, rows

CHANGES = [
    "UPDATE subject SET state = 'b'",
    "UPDATE subject SET consents = 1",
    "DELETE FROM subject",
    "UPDATE pii_value SET ciphertext = ''",
    "DELETE FROM pii_value",
    "DELETE FROM dek",
    "UPDATE tenant SET kek_minimum = 2",
    "UPDATE tenant SET status = 'suspended'",
    "INSERT INTO search_plan (tenant_key, class_key, kind, bits, planned_rows) VALUES (1, 2, 'last4', 9, 9)",
]
NO_CHANGES = [
    "UPDATE pii_value SET index_version = 2 WHERE digest IS NOT NULL",
    "UPDATE dek SET kek_version = 2",
    "INSERT INTO subject (id, tenant_key) VALUES (gen_random_uuid(), 1)",
    "UPDATE subject SET state = 'b' WHERE false",
]


@pytest.fixture
async def stored(vault: Vault) -> None:
    items = [TokeniseItem("phone", f"+7900000000{at}") for at in range(3)]
    assert all(result.token for result in await tokenise(vault, program(), items, request_id="r"))


def mark(database: Database) -> object:
    return rows(database, "SELECT mark FROM replica_fence")


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_draws_a_new_mark(vault_database: Database, change: str) -> None:
    before = mark(vault_database)
    rows(vault_database, change)
    assert mark(vault_database) != before


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("change", NO_CHANGES)
def test_what_changes_nothing_of_that_does_not(vault_database: Database, change: str) -> None:
    before = mark(vault_database)
    rows(vault_database, change)
    assert mark(vault_database) == before


@pytest.mark.usefixtures("stored")
def test_what_is_undone_draws_none(vault_database: Database) -> None:
    before = mark(vault_database)
    with psycopg.connect(vault_database.superuser_url) as connection:
        connection.execute("UPDATE subject SET state = 'b'")
        connection.rollback()
    assert mark(vault_database) == before


@pytest.mark.usefixtures("stored")
def test_two_at_a_time_never_wait_for_one_another(vault_database: Database) -> None:
    """Each changes one person first and the other's then; the mark is drawn when both have all their locks."""
    (one,), (two,) = rows(vault_database, "SELECT id FROM subject ORDER BY id LIMIT 2")
    meet = threading.Barrier(2)

    def act(first: object, last: object) -> None:
        with psycopg.connect(vault_database.superuser_url) as connection:
            connection.execute("UPDATE subject SET state = 'b' WHERE id = %s", [first])
            meet.wait(10)
            connection.execute("SELECT pg_sleep(0.05)")
            connection.execute("UPDATE tenant SET kek_rotated = now() WHERE id = %s", [last])

    threads = [threading.Thread(target=act, args=pair) for pair in ((one, "demo"), (two, "other"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert rows(vault_database, "SELECT count(*) FROM subject WHERE state = 'b'") == [(2,)]


def test_the_vault_may_read_the_mark_and_not_draw_it(vault_database: Database) -> None:
    with psycopg.connect(vault_database.runtime_url) as connection:
        assert connection.execute("SELECT mark FROM replica_fence").fetchone()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("UPDATE replica_fence SET mark = gen_random_uuid()")
