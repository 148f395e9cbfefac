"""`larets env restore`: which backup, in which order, and what happens when a step in between fails."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from scripts.env import backup, beside
from scripts.env.backup import BackupInvalid, chosen, put_back
from scripts.env.environment import Environment
from scripts.env.errors import EnvProblem
from scripts.env.settle import Founding, Unsettled, settle
from scripts.env.verbs import restore as verb
from scripts.inside.wire import Answer, Request
from tests.support.fake_cluster import UID
from tests.unit.scripts.env.conftest import Opener

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


@dataclass
class Pods:
    """Stands for the sealed Jobs: remembers what was asked, and fails where it is told to."""

    fails: str = ""
    cannot: bool = False
    asked: list[Request] = field(default_factory=list)

    def run(self, request: Request) -> Answer:
        self.asked.append(request)
        if self.cannot:
            raise EnvProblem("no pod starts")
        code = 1 if request.arguments[0] == self.fails else 0
        return Answer(code, json.dumps({"of": request.arguments[0]}).encode(), ["larets: error: it says why"])


def founding() -> Founding:
    return Founding(("anna", "boris"), "the disk was lost", lambda what: f"<{what}>")


def test_erased_persons_first_then_the_keys_then_the_log() -> None:
    pods: Any = Pods()
    assert settle(pods, founding()) == {
        "replayed": {"of": "subject"},
        "keys": {"of": "keys"},
        "origin": {"of": "audit"},
    }
    assert [" ".join(one.arguments[:2]) for one in pods.asked] == ["subject replay", "keys status", "audit new-origin"]
    assert pods.asked[-1].input.decode().splitlines() == [
        "<password of anna>", "<second factor of anna>", "<password of boris>", "<second factor of boris>",
    ]  # fmt: skip
    assert not any("<" in part for part in pods.asked[-1].arguments)


def test_a_log_that_nobody_was_named_for_is_left_as_it_is() -> None:
    pods: Any = Pods()
    assert settle(pods, None)["origin"] is None
    assert len(pods.asked) == 2


@pytest.mark.parametrize(
    ("pods", "told"),
    [
        (
            Pods(fails="subject"),
            "erased persons were not erased again: the vault stays shut: larets: error: it says why",
        ),
        (Pods(fails="keys"), "some values open with no key"),
        (Pods(fails="audit"), "the log has no new origin"),
        (Pods(cannot=True), r"the vault stays shut \(no pod starts\)"),
    ],
)
def test_a_step_that_fails_ends_it_with_what_to_do(pods: Any, told: str) -> None:
    with pytest.raises(Unsettled, match=told) as caught:
        settle(pods, founding())
    assert "larets env exec" in caught.value.hint
    assert pods.fails in {"audit", pods.asked[-1].arguments[0], ""}


@pytest.fixture
def environment(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setattr(backup, "schema_of", lambda _: "0005")
    return opened("private")


def taken(
    environment: Environment, path: Path, at: datetime, monkeypatch: pytest.MonkeyPatch, *, dump: bool = False
) -> Path:
    clock = SimpleNamespace(now=lambda _: at, fromisoformat=datetime.fromisoformat)
    with monkeypatch.context() as then:
        then.setattr(backup, "datetime", clock)
        then.setattr(backup, "in_database", lambda *_, stdout, **__: stdout.write(b"a dump"))
        backup.take(environment, path, database=dump)
    return path


def test_the_newest_backup_until_a_point_is_taken(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "notes.txt").write_text("no backup")
    for hours in (0, 1, 2):
        taken(environment, folder / f"{2 - hours}.backup", NOON + timedelta(hours=hours), monkeypatch)
    contour = environment.contour
    assert chosen(folder, NOON + timedelta(hours=1), contour).name == "1.backup"
    assert chosen(folder, NOON + timedelta(minutes=59), contour).name == "2.backup"
    assert chosen(folder, None, contour).name == "0.backup"
    with pytest.raises(BackupInvalid, match="no backup of shop/private of 2026-11-29 11:59"):
        chosen(folder, NOON - timedelta(minutes=1), contour)
    with pytest.raises(BackupInvalid, match="no backup of shop/private"):
        chosen(folder / "0.backup", NOON, contour)
    with pytest.raises(BackupInvalid, match="is no backup"):
        chosen(folder / "notes.txt", None, contour)


@dataclass
class Databases:
    """Stands for what is done in the database's pod."""

    told: list[str] = field(default_factory=list)
    there: list[str] = field(default_factory=list)

    def restore(self, _: Environment, dump: Path, *, stamp: str) -> str:
        assert dump.read_bytes() == b"a dump"
        self.told.append("restored beside")
        self.there.append(f"vault_before_{stamp.lower()}")
        return self.there[-1]

    def kept(self, _: Environment) -> list[str]:
        return self.there

    def put_aside(self, _: Environment) -> list[str]:
        return self.there

    def go_back(self, _: Environment) -> str:
        self.told.append("went back")
        return self.there.pop()

    def drop_kept(self, _: Environment) -> list[str]:
        self.told.append("dropped")
        gone, self.there = self.there, []
        return gone


@pytest.fixture
def databases(monkeypatch: pytest.MonkeyPatch) -> Databases:
    made = Databases()
    for name in ("restore", "kept", "put_aside", "go_back", "drop_kept"):
        monkeypatch.setattr(beside, name, getattr(made, name))

    @contextmanager
    def resting(_: Environment) -> Iterator[None]:
        made.told.append("at rest")
        try:
            yield
        finally:
            made.told.append("at work")

    monkeypatch.setattr(verb, "resting", resting)
    return made


@pytest.fixture
def pods(monkeypatch: pytest.MonkeyPatch, databases: Databases) -> Pods:
    made = Pods()

    def run(request: Request) -> Answer:
        databases.told.append(" ".join(request.arguments[:2]))
        return Pods.run(made, request)

    monkeypatch.setattr(verb, "Inside", lambda *_: SimpleNamespace(run=run))
    return made


def larets(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(verb.cli, ["--contour", "private", *arguments, "--json"], input=typed)


def test_a_restore_goes_its_way_and_back_and_lets_go(
    environment: Environment, databases: Databases, pods: Pods, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = taken(environment, tmp_path / "one.backup", NOON, monkeypatch, dump=True)
    settings = environment.contour.settings
    whole = settings.read_text()
    settings.write_text(whole + "# later\n")
    done = larets(str(path), "--confirm", "shop/private")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert databases.told == ["at rest", "restored beside", "at work", "subject replay", "keys status"]
    assert said["restored"].startswith("2026-11-29T12:00")
    assert any("new-origin" in step for step in said["then"])
    assert settings.read_text() == whole
    back = larets("--back", "--confirm", "shop/private")
    assert back.exit_code == 0
    assert any("new-origin" in step for step in json.loads(back.stdout)["then"])
    assert databases.told[-3:] == ["at rest", "went back", "at work"]
    assert settings.read_text() == whole + "# later\n"
    assert larets(str(path), "--confirm", "shop/private").exit_code == 0
    dropped = json.loads(larets("--drop-kept", "--confirm", "shop/private").stdout)["dropped"]
    assert len(dropped) == 3  # one database, its folder, and that of the way back
    assert not list(environment.contour.folder.glob("before-*"))
    assert pods.asked


def test_a_database_that_cannot_be_restored_leaves_the_files_of_before(
    environment: Environment, databases: Databases, pods: Pods, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> str:
        raise EnvProblem("pg_restore ended with 1 in the database's pod")

    path = taken(environment, tmp_path / "one.backup", NOON, monkeypatch, dump=True)
    environment.contour.settings.write_text(environment.contour.settings.read_text() + "# later\n")
    monkeypatch.setattr(beside, "restore", broken)
    assert larets(str(path), "--confirm", "shop/private").exit_code == 1
    assert environment.contour.settings.read_text().endswith("# later\n")
    assert not list(environment.contour.folder.glob("before-*")), "nothing is put aside of what was not restored"
    assert databases.told == ["at rest", "at work"]
    assert pods.asked == []


@pytest.mark.parametrize("broken", [KeyboardInterrupt(), EnvProblem("locked")], ids=["interrupted", "refused"])
def test_whatever_stops_it_before_the_exchange_brings_the_files_back(
    broken: BaseException,
    environment: Environment,
    databases: Databases,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = taken(environment, tmp_path / "one.backup", NOON, monkeypatch, dump=True)
    environment.contour.settings.write_text(environment.contour.settings.read_text() + "# later\n")

    @contextmanager
    def restless(_: Environment) -> Iterator[None]:
        if not databases.there:
            raise broken
        yield

    monkeypatch.setattr(verb, "resting", restless)
    assert larets(str(path), "--confirm", "shop/private").exit_code
    assert environment.contour.settings.read_text().endswith("# later\n")
    assert not list(environment.contour.folder.glob("before-*"))
    assert databases.there == []


def test_after_the_exchange_files_and_database_stay_together(
    environment: Environment, databases: Databases, pods: Pods, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = taken(environment, tmp_path / "one.backup", NOON, monkeypatch, dump=True)
    whole = environment.contour.settings.read_text()
    environment.contour.settings.write_text(whole + "# later\n")

    @contextmanager
    def asleep(_: Environment) -> Iterator[None]:
        yield
        raise EnvProblem("the processes could not be called back to work")

    monkeypatch.setattr(verb, "resting", asleep)
    assert larets(str(path), "--confirm", "shop/private").exit_code == 1
    assert len(databases.there) == 1
    assert environment.contour.settings.read_text() == whole
    assert pods.asked == []


def test_the_way_back_takes_the_files_that_went_with_the_database(
    environment: Environment, databases: Databases, pods: Pods, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = environment.contour.settings
    path = taken(environment, tmp_path / "one.backup", NOON, monkeypatch, dump=True)
    whole = settings.read_text()
    settings.write_text(whole + "# with the database of before\n")
    assert larets(str(path), "--confirm", "shop/private").exit_code == 0
    settings.write_text(whole + "# later\n")
    assert larets(str(path), "--confirm", "shop/private", "--without-database").exit_code == 0
    alone = json.loads(larets("--back", "--confirm", "shop/private").stdout)
    assert settings.read_text() == whole + "# later\n"
    assert alone["back"].startswith("before-restore-")
    assert len(databases.there) == 1
    assert larets("--back", "--confirm", "shop/private").exit_code == 0
    assert settings.read_text() == whole + "# with the database of before\n"
    assert databases.there == []
    assert pods.asked
    assert larets("--back", "--confirm", "shop/private").exit_code == 1
    assert settings.read_text() == whole + "# with the database of before\n"


def test_files_that_were_put_aside_alone_are_let_go_of_too(
    environment: Environment, databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = taken(environment, tmp_path / "one.backup", NOON, monkeypatch, dump=True)
    assert larets(str(path), "--confirm", "shop/private", "--without-database").exit_code == 0
    dropped = json.loads(larets("--drop-kept", "--confirm", "shop/private").stdout)["dropped"]
    assert len(dropped) == 1
    assert not list(environment.contour.folder.glob("before-restore-*"))
    assert databases.told == []


def test_with_a_database_elsewhere_files_go_back_and_are_let_go_of(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = environment.contour.settings
    path = taken(environment, tmp_path / "one.backup", NOON, monkeypatch)
    whole = settings.read_text()
    settings.write_text(whole + "# later\n")
    elsewhere = {"database": environment.settings.database.model_copy(update={"kind": "external"})}
    environment.settings = environment.settings.model_copy(update=elsewhere)
    monkeypatch.setattr(verb, "open_environment", lambda *_: environment)
    assert larets(str(path), "--confirm", "shop/private", "--without-database").exit_code == 0
    assert settings.read_text() == whole
    assert larets("--back", "--confirm", "shop/private").exit_code == 0
    assert settings.read_text() == whole + "# later\n"
    [dropped] = json.loads(larets("--drop-kept", "--confirm", "shop/private").stdout)["dropped"]
    assert dropped.startswith("before-return-")
    assert larets("--drop-kept", "--confirm", "shop/private").exit_code == 1


def test_a_new_cluster_takes_the_database_alone(
    environment: Environment, databases: Databases, pods: Pods, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, settings = (
        taken(environment, tmp_path / "one.backup", NOON, monkeypatch, dump=True),
        environment.contour.settings,
    )
    another = settings.read_text().replace(UID, "00000000-0000-4000-8000-000000000002")
    settings.write_text(another)
    refused = larets(str(path), "--confirm", "shop/private")
    assert refused.exit_code == 1
    assert "another cluster" in refused.output
    assert (settings.read_text(), databases.told) == (another, [])

    done = larets(str(path), "--confirm", "shop/private", "--without-files")
    assert done.exit_code == 0, done.output
    assert databases.told == ["at rest", "restored beside", "at work", "subject replay", "keys status"]
    assert settings.read_text() == another
    assert not list(environment.contour.folder.glob("before-*"))
    [kept] = databases.there
    assert json.loads(larets("--back", "--confirm", "shop/private").stdout)["back"] == kept
    assert settings.read_text() == another
    assert pods.asked


def test_two_persons_found_the_log_in_the_same_run(
    environment: Environment, databases: Databases, pods: Pods, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = taken(environment, tmp_path / "one.backup", NOON, monkeypatch, dump=True)
    named = ("--approver", "anna", "--approver", "boris", "--reason", "the disk was lost")
    done = larets(str(path), "--confirm", "shop/private", *named, typed="pw-a\n1\npw-b\n2\n")
    assert done.exit_code == 0, done.output
    assert databases.told[-1] == "audit new-origin"
    assert pods.asked[-1].input == b"pw-a\n1\npw-b\n2\n"
    assert "pw-a" not in done.output
    assert not any("new-origin" in step for step in json.loads(done.stdout)["then"])


@pytest.mark.parametrize(
    "arguments",
    [
        ("one.backup", "--confirm", "shop/public"),
        ("one.backup", "--confirm", "shop/private", "--approver", "anna", "--reason", "x"),
        ("one.backup", "--confirm", "shop/private", "--approver", "anna", "--approver", "anna", "--reason", "x"),
        ("one.backup", "--back"),
        ("one.backup", "--confirm", "shop/private", "--without-files", "--without-database"),
        ("files.backup", "--confirm", "shop/private", "--without-files"),
        ("--back", "--drop-kept"),
        ("--back", "--confirm", "shop/private"),
        ("--drop-kept", "--confirm", "shop/private"),
        (),
    ],
    ids=[
        "another name", "one person", "one person twice", "both", "no part", "no database in it", "both ways",
        "nothing kept", "nothing to drop", "none",
    ],
)  # fmt: skip
def test_what_is_not_meant_or_not_there_touches_nothing(
    arguments: tuple[str, ...],
    environment: Environment,
    databases: Databases,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken(environment, tmp_path / "one.backup", NOON, monkeypatch, dump=True)
    taken(environment, tmp_path / "files.backup", NOON, monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert larets(*arguments).exit_code not in {0, 2}
    assert databases.told == []
    assert not list(environment.contour.folder.glob("before-restore-*"))


def test_files_are_put_aside_under_names_in_the_order_of_time(environment: Environment, tmp_path: Path) -> None:
    first, second = (put_back(environment.contour, tmp_path / "nothing") for _ in range(2))
    assert sorted([second, first]) == [first, second]
