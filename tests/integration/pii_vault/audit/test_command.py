"""`larets audit verify` with files in place of the local instance."""

import json
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner

from pii_vault.audit.log import AuditCommitter
from scripts.audit import cli
from tests.integration.pii_vault.audit.support import LOG_KEY, WITNESS_KEY, BlindWitness, fill, make_checkpointer
from tests.support.postgres import Database


@pytest.fixture
def options(tmp_path: Path, vault_database: Database) -> list[str]:
    files = {"database-url-file": vault_database.runtime_url, "log-key": LOG_KEY, "witness-key": WITNESS_KEY}
    for name, content in files.items():
        (tmp_path / name).write_text(f"{content}\n")
    return [part for name in files for part in (f"--{name}", str(tmp_path / name))]


async def test_a_log_that_holds_and_one_that_does_not(
    pool: asyncpg.Pool, committer: AuditCommitter, vault_database: Database, options: list[str]
) -> None:
    await fill(committer, 4)
    checkpointer = make_checkpointer(pool, BlindWitness().client())
    await checkpointer.sign()
    await checkpointer.push()
    await fill(committer, 2, start=4)
    good = CliRunner().invoke(cli, ["verify", "--json", *options])
    assert good.exit_code == 0
    answer = json.loads(good.stdout)
    assert [answer[name] for name in ("ok", "records", "checkpoints", "witnessed", "unwitnessed")] == [True, 6, 1, 4, 2]
    owner = await asyncpg.connect(vault_database.owner_url)
    await owner.execute("UPDATE audit_log SET record = record || ' ' WHERE idx = 1")
    await owner.close()
    bad = CliRunner().invoke(cli, ["verify", "--json", *options])
    assert bad.exit_code == 1
    assert json.loads(bad.stdout)["problems"][0]["kind"] == "record_changed"
    assert "DOES NOT HOLD" in CliRunner().invoke(cli, ["verify", *options]).stdout


@pytest.mark.parametrize("broken", ["missing option", "missing file", "broken key", "no database"])
def test_what_cannot_be_verified_is_no_success(options: list[str], tmp_path: Path, broken: str) -> None:
    if broken == "missing option":
        options = options[:2]
    elif broken == "missing file":
        (tmp_path / "log-key").unlink()
    elif broken == "broken key":
        (tmp_path / "log-key").write_text("x")
    else:
        (tmp_path / "database-url-file").write_text("postgresql://nobody@127.0.0.1:1/none")
    result = CliRunner().invoke(cli, ["verify", "--json", *options])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "larets: error:" in result.stderr
