"""`larets keys` as an operator runs it: with the vault's own settings, on a real database and a keyring file."""

import asyncio
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from pii_vault.assemble import open_vault
from pii_vault.keys.local import LocalKeyring
from pii_vault.operations.items import TokeniseItem
from pii_vault.operations.tokenise import tokenise
from scripts import search
from scripts.keys import cli
from tests.integration.scripts.conftest import PASSPHRASE
from tests.support.postgres import Database
from tests.support.vault import POLICIES, program


def larets(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def answer(*arguments: str) -> Any:
    done = larets(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def insert_dek(folder: Path, database: Database, version: int = 1) -> None:
    """A subject's key, as a worker would have stored it."""
    keyring = LocalKeyring(folder / "keyring.json", PASSPHRASE)
    [(_, wrapped)] = asyncio.run(keyring.generate("demo", [bytes(16) + b"\0"]))
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO dek SELECT %s::text::uuid, 0, key, %s, %s FROM tenant WHERE id = 'demo'",
            ("0" * 32, version, wrapped.blob),
        )


async def store_values(database: Database, keys: LocalKeyring, items: list[TokeniseItem]) -> None:
    async with open_vault(database.runtime_url, keys, POLICIES, pool_size=2) as vault:
        await tokenise(vault, program(), items, request_id="r")


def test_an_operators_way_from_rotation_to_trim(folder: Path, vault_database: Database) -> None:
    insert_dek(folder, vault_database)
    [demo, other] = answer("status")["tenants"]
    assert (demo["tenant"], demo["kek"]["current"], demo["kek"]["rows"]) == ("demo", 1, {"dek": {"1": 1}})
    assert (demo["kek"]["next"], other["kek"]["next"]) == ("", "")
    assert [row["version"] for row in answer("rotate")] == [2, 2]
    assert answer("status", "--tenant", "demo")["tenants"][0]["kek"]["next"] == "rewrap"
    refused = larets("trim")
    assert refused.exit_code == 1
    assert "1 in dek" in refused.stderr
    assert "other: 1 older kek versions destroyed" in refused.stdout
    assert [row["rows"] for row in answer("rewrap", "--load", "1")] == [1, 0]
    assert answer("status", "--tenant", "demo")["tenants"][0]["kek"]["next"] == "trim"
    assert answer("trim", "--tenant", "demo") == [{"tenant": "demo", "kind": "kek", "oldest": 2, "destroyed": 1}]
    told = answer("status", "--tenant", "demo")
    assert told["tenants"][0]["kek"]["trimmed"]
    assert told["keyring_serial"] > 5


def test_an_index_key_rotates_and_is_trimmed(folder: Path) -> None:
    assert answer("rotate", "--kind", "index", "--tenant", "demo")[0]["version"] == 2
    assert answer("trim", "--kind", "index", "--tenant", "demo")[0]["destroyed"] == 1
    assert (folder / "keyring.json").exists()


def test_all_shops_are_indexed_anew_between_rotation_and_trim(folder: Path, vault_database: Database) -> None:
    taken = [TokeniseItem(class_id="phone", value=f"+7900{at:07}") for at in range(3)]
    asyncio.run(store_values(vault_database, LocalKeyring(folder / "keyring.json", PASSPHRASE), taken))
    assert [row["version"] for row in answer("rotate", "--kind", "index")] == [2, 2]
    refused = larets("trim", "--kind", "index")
    assert refused.exit_code == 1
    assert "run larets search reindex" in refused.stderr
    done = CliRunner().invoke(search.cli, ["reindex", "--json"])
    assert done.exit_code == 0, done.output
    told = [(each["tenant"], each["rows"], each["version"]) for each in json.loads(done.stdout)]
    assert told == [("demo", 3, 2), ("other", 0, 2)]
    assert [row["destroyed"] for row in answer("trim", "--kind", "index", "--tenant", "demo")] == [1]


def test_one_shop_is_indexed_anew_and_one_that_is_not_there_refused(folder: Path) -> None:
    assert folder.exists()
    one = CliRunner().invoke(search.cli, ["reindex", "--tenant", "other"])
    assert (one.exit_code, one.stdout.split(":")[0]) == (0, "other")
    none = CliRunner().invoke(search.cli, ["reindex", "-t", "nobody"])
    assert none.exit_code == 1
    assert "there is no tenant nobody" in none.stderr


def test_status_says_when_the_keys_of_a_backup_are_gone(folder: Path, vault_database: Database) -> None:
    insert_dek(folder, vault_database, version=7)
    told = larets("status", "--json")
    assert told.exit_code == 1
    demo = json.loads(told.stdout)["tenants"][0]
    assert demo["kek"]["lost"] == 1
    assert demo["kek"]["next"].startswith("restore the key service")
    assert "restore the key service" in larets("status").stdout


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rotate", "--tenant", "nobody"), "there is no tenant nobody"),
        (("trim", "--tenant", "demo"), "rotate before you trim"),
        (("rewrap", "--tenant", "demo", "--load", "2"), "share of the time"),
        (("init",), "never overwritten"),
    ],
)
def test_a_refusal_says_what_to_do(arguments: tuple[str, ...], said: str) -> None:
    done = larets(*arguments)
    assert done.exit_code == 1
    assert said in done.stderr


def test_a_passphrase_that_others_may_read_stops_it(folder: Path) -> None:
    (folder / "passphrase").chmod(0o644)
    done = larets("status")
    assert done.exit_code == 1
    assert "chmod 600 passphrase" in done.stderr
