"""`larets rows` against a vault of two workers: the same rows in the same order, whatever becomes of the command."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scripts.local.postgres import Cluster
from scripts.rows import run as running
from scripts.rows.command import cli
from scripts.rows.parts import split
from tests.conftest import VAULT
from tests.support.postgres import Database, clone
from tests.support.server import Server, serve
from tests.support.vault import rows

COUNT = 6000
COLUMNS = "phone:phone,ФИО:name,Город:keep"
Larets = Callable[..., Result]


@pytest.fixture(scope="module")
def database(postgres_cluster: Cluster, vault_template: str) -> Iterator[Database]:
    with clone(postgres_cluster, VAULT, vault_template) as made:
        yield made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, database: Database) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("vault"), database, workers=2) as started:
        yield started


def persons_in(database: Database) -> int:
    return int(str(rows(database, "SELECT count(*) FROM subject")[0][0]))


def access(server: Server) -> list[str]:
    private = server.folder / "private"
    return [
        "--url", server.service_url, "--tenant", "demo", "--certificate", str(private / "bench.crt"),
        "--key", str(private / "bench.key"), "--authority", str(private / "ca.crt"),
    ]  # fmt: skip


@pytest.fixture
def larets(server: Server, monkeypatch: pytest.MonkeyPatch) -> Larets:
    """The command, which takes a small file in parts too."""

    def in_parts(path: Path, *, count: int, table: bool) -> object:
        return split(path, count=count, table=table, least=1000)

    monkeypatch.setattr(running, "split", in_parts)
    return lambda *arguments: CliRunner().invoke(cli, [*map(str, arguments), *access(server)])


def people(count: int = COUNT) -> list[dict[str, str]]:
    return [
        {
            "phone": f"+7900{at:07}",
            "ФИО": f"Покупатель, {at}",
            "Город": "Тула" if at % 7 else 'Тула "на\nУпе"',
            "x": "-",
        }
        for at in range(count)
    ]


def write(path: Path, persons: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as out:
        table = csv.DictWriter(out, list(persons[0]))
        table.writeheader()
        table.writerows(persons)
    return path


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as table:
        return list(csv.DictReader(table))


def test_a_table_goes_in_by_parts_and_comes_back_in_order(larets: Larets, tmp_path: Path) -> None:
    persons = people()
    source, tokens, back = write(tmp_path / "people.csv", persons), tmp_path / "tokens.csv", tmp_path / "back.csv"
    done = larets("tokenise", source, "--columns", COLUMNS, "--out", tokens, "--connections", 3, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["rows"], told["errors"], told["out"]) == (COUNT, 0, str(tokens))
    taken = read(tokens)
    assert [row["Город"] for row in taken] == [person["Город"] for person in persons]
    assert all(row["phone"].startswith("tok_phone_") for row in taken)
    assert len({row["subject"] for row in taken}) == COUNT
    assert "+7900" not in tokens.read_text()
    assert tokens.stat().st_mode & 0o077 == 0
    asked = ("--columns", "phone:value,ФИО:value,Город:keep", "--purpose", "support")
    assert larets("reveal", tokens, *asked, "--out", back, "--connections", 2).exit_code == 0
    assert [(row["phone"], row["ФИО"]) for row in read(back)] == [(each["phone"], each["ФИО"]) for each in persons]
    assert sorted(path.name for path in tmp_path.glob("*.part*")) == []


def test_equal_phones_of_two_files_get_one_token_in_all_parts(larets: Larets, tmp_path: Path) -> None:
    persons = [person | {"phone": f"+7901{at % 500:07}"} for at, person in enumerate(people(3000))]
    source = write(tmp_path / "people.csv", persons)
    asked = ("tokenise", source, "--columns", COLUMNS, "--deterministic", "phone", "--connections", 3)
    assert larets(*asked, "--out", tmp_path / "one.csv").exit_code == 0
    assert larets(*asked, "--out", tmp_path / "two.csv").exit_code == 0
    one, two = read(tmp_path / "one.csv"), read(tmp_path / "two.csv")
    assert [len({row[name] for row in one + two}) for name in ("phone", "subject", "ФИО")] == [500, 500, 6000]
    assert [row["phone"] for row in one] == [row["phone"] for row in two]


def test_a_file_that_is_not_there_is_told_before_a_name_for_the_run(larets: Larets, tmp_path: Path) -> None:
    done = larets("tokenise", tmp_path / "none.csv", "--columns", COLUMNS, "--out", tmp_path / "tokens.csv")
    assert done.exit_code == 2
    assert "does not exist" in done.stderr
    assert "--resume-key" not in done.stderr
    there = write(tmp_path / "people.csv", people(3))
    assert "--resume-key" in larets("tokenise", there, "--columns", COLUMNS, "--out", tmp_path / "tokens.csv").stderr


def test_objects_keep_the_numbers_of_their_rows(larets: Larets, tmp_path: Path) -> None:
    source, out = tmp_path / "people.ndjson", tmp_path / "tokens.ndjson"
    lines = [json.dumps({"phone": person["phone"]}) for person in people(3000)]
    lines[2500] = "{broken"
    source.write_text("\n".join(lines))
    done = larets("tokenise", source, "--columns", "phone:phone", "--out", out, "--connections", 2, "--json")
    assert done.exit_code == 1  # one row has an error
    assert json.loads(done.stdout)["errors"] == 1
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["row"] for row in found] == list(range(1, 3001))
    assert [row["row"] for row in found if "error" in row] == [2501]


def test_a_run_that_was_killed_is_repeated_without_doubling_a_row(
    larets: Larets, server: Server, tmp_path: Path, database: Database
) -> None:
    source, out = write(tmp_path / "people.csv", people()), tmp_path / "tokens.csv"
    before = persons_in(database)
    arguments = ["tokenise", str(source), "--columns", COLUMNS, "--out", str(out), "--resume-key", "import-7"]
    started = subprocess.Popen(  # noqa: S603  our own command
        [sys.executable, "-m", "scripts.main", "rows", *arguments, "--connections", "1", *access(server)],
        env=os.environ | {"PYTHONUNBUFFERED": "1"}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 60
    while persons_in(database) == before and time.monotonic() < until:
        time.sleep(0.02)
    started.send_signal(signal.SIGKILL)
    started.wait(10)
    assert 0 < persons_in(database) - before < COUNT
    assert not out.exists()
    done = larets(*arguments, "--connections", 1, "--json")
    assert done.exit_code == 0, done.output
    assert len(read(out)) == COUNT
    assert persons_in(database) - before == COUNT


def test_a_repetition_with_another_file_is_stopped(larets: Larets, tmp_path: Path) -> None:
    first, other = write(tmp_path / "one.csv", people(1500)), write(tmp_path / "two.csv", people(1500)[::-1])
    key = ("--resume-key", "import-8", "--connections", 1)
    assert larets("tokenise", first, "--columns", COLUMNS, "--out", tmp_path / "a.csv", *key).exit_code == 0
    done = larets("tokenise", other, "--columns", COLUMNS, "--out", tmp_path / "b.csv", *key)
    assert done.exit_code == 1
    assert "idempotency" in done.output.replace("_", " ").lower() or "key" in done.output
    assert sorted(path.name for path in tmp_path.glob("b.csv*")) == []


def test_what_the_vault_refuses_is_told_and_nothing_is_left(larets: Larets, tmp_path: Path) -> None:
    source, out = write(tmp_path / "people.csv", people(10)), tmp_path / "tokens.csv"
    for arguments in (("--columns", "phone:nonsense"), ("--columns", "mail:email")):
        done = larets("tokenise", source, *arguments, "--out", out)
        assert done.exit_code == 1
        assert "refused (422)" in done.output
    assert [path.name for path in tmp_path.glob("tokens*")] == []


def test_a_file_that_is_there_is_not_written_over(larets: Larets, tmp_path: Path) -> None:
    source, out = write(tmp_path / "people.csv", people(10)), tmp_path / "tokens.csv"
    out.write_text("mine")
    done = larets("tokenise", source, "--columns", COLUMNS, "--out", out)
    assert (done.exit_code, out.read_text()) == (1, "mine")
