"""`larets audit verify` with files in place of the local instance."""

import json
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner

from pii_vault.audit.checkpoint import newest_note
from pii_vault.audit.log import AuditCommitter
from scripts.audit import cli, holds_personal_data
from scripts.rehearse.deep.checks.backups import REASON
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


@pytest.mark.parametrize(
    ("approvers", "reason"),
    [
        (("one",), "restored"),
        (("one", "one"), "restored"),
        (("one", "two", "three"), "restored"),
        (("one", "two"), " "),
    ],
)
def test_a_new_origin_needs_two_persons_and_a_reason(approvers: tuple[str, ...], reason: str) -> None:
    words = [part for name in approvers for part in ("--approver", name)]
    result = CliRunner().invoke(cli, ["new-origin", *words, "--reason", reason])
    assert result.exit_code == 1
    assert "larets: error:" in result.stderr


@pytest.mark.parametrize(
    ("reason", "value"), [("звонил +7 916 123-45-67", "123-45-67"), ("таблицу стёрла Анна Седова", "Седова")]
)
def test_a_reason_that_holds_personal_data_is_not_kept(reason: str, value: str) -> None:
    words = ["--approver", "one", "--approver", "two", "--reason", reason]
    result = CliRunner().invoke(cli, ["new-origin", *words])
    assert result.exit_code == 1
    assert value not in result.output
    assert "holds personal data" in result.stderr


@pytest.mark.parametrize("reason", ["the disk was lost", "сбой диска в понедельник, копия за 29 ноября", REASON])
def test_a_reason_about_the_log_alone_is_taken(reason: str) -> None:
    assert not holds_personal_data(reason)


async def test_the_witness_must_be_asked_when_it_is_named(options: list[str]) -> None:
    result = CliRunner().invoke(cli, ["verify", "--witness", "--json", *options])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "the witness's copy was not given" in result.stderr


async def test_the_witness_history_is_a_copy_too(
    pool: asyncpg.Pool, committer: AuditCommitter, options: list[str], tmp_path: Path
) -> None:
    checkpointer = make_checkpointer(pool, BlindWitness().client())
    notes = []
    for start in (0, 3):
        await fill(committer, 3, start=start)
        await checkpointer.sign()
        await checkpointer.push()
        notes.append(await newest_note(pool))
    (tmp_path / "history").write_text(json.dumps({"checkpoints": notes, "origins": []}))
    words = ["verify", "--witness", "--json", *options, "--witness-note", str(tmp_path / "history")]
    answer = json.loads(CliRunner().invoke(cli, words).stdout)
    assert (answer["ok"], answer["compared"], answer["witness"]) == (True, 2, "compared")
    (tmp_path / "history").write_text("{}")
    assert CliRunner().invoke(cli, words).exit_code == 1
