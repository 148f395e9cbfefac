"""A private half back to a backup, one step after the other: what is restored, shut, erased again and open."""

import asyncio
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, cast

import psycopg
import pytest

from infra.lib import postgres as infra_postgres
from pii_vault.assemble import open_vault
from pii_vault.operations.items import TokeniseItem
from pii_vault.operations.tokenise import tokenise
from scripts.env import backup, beside
from scripts.env.environment import Environment
from scripts.env.inside import Inside
from scripts.env.settle import Unsettled, settle
from scripts.local import postgres
from tests.integration.scripts.test_inside import Contour
from tests.support.postgres import PASSWORD, Database
from tests.support.stacks import settings
from tests.support.vault import POLICIES, program

STAMP = "20261129T120000000000Z"


@pytest.fixture
def contour(vault_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Contour:
    """Its database is a test's own, and the programs of its pod are this machine's."""
    where = psycopg.conninfo.conninfo_to_dict(vault_database.superuser_url)

    def run(_: Any, command: list[str], *, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None) -> None:
        signed = {"PGHOST": str(where["host"]), "PGPORT": str(where["port"]), "PGPASSWORD": PASSWORD}
        subprocess.run(  # noqa: S603  what the module under test says
            [postgres.BIN / command[0], *command[1:]], stdin=stdin, stdout=stdout, env=os.environ | signed, check=True
        )

    monkeypatch.setattr(backup, "in_database_pod", run)
    names = (vault_database.name, "larets_vault_owner", "larets_vault")
    monkeypatch.setattr(infra_postgres, "names", lambda _: names)
    made = Contour(vault_database, tmp_path)
    made.json("tenant", "create", "demo", "--title", "x")
    return made


def half(contour: Contour) -> Environment:
    chosen = settings("private", stage="rehearsal")
    pretended = SimpleNamespace(
        contour=SimpleNamespace(side="private"),
        settings=chosen.model_copy(update={"database": chosen.database.model_copy(update={"kind": "cloudnative-pg"})}),
        cluster=lambda: contour.cluster,
    )
    return cast("Environment", pretended)


def take(contour: Contour, database: Database) -> str:
    """A person with a phone; the subject's id."""

    async def act() -> str:
        async with open_vault(database.runtime_url, contour.keys, POLICIES) as vault:
            item = TokeniseItem(class_id="phone", value="+79001234567", subject="@1", kind="random")
            [answer] = await tokenise(vault, program(), [item], request_id="r")
            return answer.subject or ""

    return asyncio.run(act())


def test_whoever_was_erased_since_does_not_come_back(
    contour: Contour, vault_database: Database, tmp_path: Path
) -> None:
    subject, environment, dump = take(contour, vault_database), half(contour), tmp_path / "database.dump"
    with dump.open("wb") as content:
        backup.in_database(environment, ["pg_dump", "--format=custom", "--no-password"], stdout=content)
    contour.larets("subject", "erase", subject, "--yes", "--wait", "0")
    later = take(contour, vault_database)

    kept = beside.restore(environment, dump, stamp=STAMP)
    shut = contour.larets("subject", "find", subject)
    assert shut.code == 1
    assert "replay" in " ".join(shut.errors)

    done = settle(Inside(environment, print), None)
    assert done["replayed"]["replayed"] == 1
    assert {one["tenant"] for one in done["keys"]["tenants"]} >= {"demo"}
    [found] = contour.json("subject", "find", subject)
    assert found["state"] != "active"
    assert contour.larets("subject", "find", later).code == 1  # came after the backup, and was told to be lost

    beside.go_back(environment)
    assert [one["state"] for one in contour.json("subject", "find", later)] == ["active"]
    assert beside.kept(environment) == []
    assert kept.startswith(vault_database.name)


def test_a_journal_that_was_lost_leaves_the_vault_shut_until_its_copy_is_back(
    contour: Contour, vault_database: Database, tmp_path: Path
) -> None:
    subject, environment, dump = take(contour, vault_database), half(contour), tmp_path / "database.dump"
    contour.larets("subject", "erase", subject, "--yes", "--wait", "0")
    with dump.open("wb") as content:
        backup.in_database(environment, ["pg_dump", "--format=custom", "--no-password"], stdout=content)
    since = take(contour, vault_database)
    contour.larets("subject", "erase", since, "--yes", "--wait", "0")
    copy = contour.larets("subject", "journal", "copy", "--out", "copy").files["copy"]
    [journal] = tmp_path.glob("*.journal")
    journal.unlink()
    beside.restore(environment, dump, stamp=STAMP)
    with pytest.raises(Unsettled, match="the vault stays shut"):
        settle(Inside(environment, print), None)
    assert contour.larets("subject", "find", subject).code == 1

    assert contour.json("subject", "journal", "put-back", "copy", copy=copy) == {"lines": 2, "written": 2}
    assert contour.larets("subject", "find", subject).code == 1  # who was erased since is not erased again yet
    assert settle(Inside(environment, print), None)["replayed"]["replayed"] == 1
    assert contour.json("subject", "find", subject)[0]["state"] != "active"
