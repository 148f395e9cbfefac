"""`larets env restore`: one contour back to a backup. What was there before is kept beside it until that is settled."""

import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from infra.lib.settings import load_settings
from scripts.env import beside, elsewhere
from scripts.env.backup import DUMP, GONE, KEPT, Manifest, opened, put_back, stamp_of_now
from scripts.env.backup import chosen as chosen_backup
from scripts.env.command import AsJson, Confirm, Name, Which, named, told
from scripts.env.ending import in_order
from scripts.env.environment import Environment, open_environment
from scripts.env.errors import BackupOfAnotherCluster, EngineFailed, EnvProblem
from scripts.env.inside import Inside
from scripts.env.locks import refuse_locked
from scripts.env.place import Contour, chosen, contour_of
from scripts.env.quiet import call_back, resting
from scripts.env.settle import PERSONS, Founding, settle
from scripts.voice import emit, result, say

LATER: Final = "larets env exec --stdin -- audit new-origin --approver A --approver B --reason …: the log was set back"
AGAIN: Final = f"{LATER}, unless it answers that none is needed"
LOOK: Final = "larets env plan: shows what the cluster holds otherwise"
AFTER: Final = "larets env restore --drop-kept, once the restored one has proved good: persons erased since stand in it"

HALF: Final = "the files are exchanged and the state is not: correct the cause, `larets env restore --back`, try again"

cli = typer.Typer()


@cli.command()
@told
@in_order()
def restore(  # noqa: PLR0917  options of a command
    contour: Which,
    backup: Annotated[
        Path | None, typer.Argument(help="the file that `larets env backup` wrote, or a folder of such files")
    ] = None,
    env: Name = "",
    to: Annotated[datetime | None, typer.Option("--to", help="the newest backup until this moment, UTC")] = None,
    confirm: Confirm = "",
    without_database: Annotated[bool, typer.Option("--without-database", help="files alone")] = False,
    without_files: Annotated[
        bool, typer.Option("--without-files", help="the database alone: settings and state are a new cluster's")
    ] = False,
    approver: Annotated[
        list[str] | None, typer.Option(help="login of an officer or owner who founds the log anew; twice, two persons")
    ] = None,
    reason: Annotated[str, typer.Option(help="why it was restored, for the log; no personal data")] = "",
    back: Annotated[bool, typer.Option("--back", help="to what was there before the last restore")] = False,
    drop_kept: Annotated[bool, typer.Option("--drop-kept", help="remove for good what was put aside")] = False,
    as_json: AsJson = False,
) -> None:
    """Settings, state and database as the backup has them. Processes rest while the databases change places."""
    name = chosen(env)
    place = contour_of(name, contour)
    if (backup is None) is not (back or drop_kept) or (back and drop_kept):
        raise EnvProblem("say one of: a backup, --back, --drop-kept", hint="larets env restore --help")
    if without_database and without_files:
        raise EnvProblem("nothing is left to restore", hint="say one of: --without-database, --without-files")
    asked = Asked(place, confirm)
    if back:
        answer = _go_back(asked)
    elif drop_kept:
        answer = _drop_kept(asked)
    else:
        founding = _founding(approver or [], reason) if approver or reason else None
        point = to.replace(tzinfo=UTC) if to else None
        path = chosen_backup(backup or Path(), point, place)
        answer = _restore(asked, path, founding, database=not without_database, files=not without_files)
    if as_json:
        emit(answer)
        return
    result(", ".join(f"{part}: {told}" for part, told in answer.items() if part != "then"))
    for step in answer["then"]:
        say(f"larets: hint: {step}")


class Asked:
    """Which contour, and whether the person at the keyboard means it."""

    def __init__(self, contour: Contour, typed: str) -> None:
        self.contour = contour
        self._typed = typed

    def to(self, what: str) -> None:
        """Raises EnvProblem: the name was not typed."""
        named(self.contour, self._typed, what)

    def environment(self) -> Environment:
        """Raises Locked."""
        opened_ = open_environment(self.contour.environment, self.contour.side)
        refuse_locked(opened_.engines)
        return opened_


def _restore(asked: Asked, path: Path, founding: Founding | None, *, database: bool, files: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="larets-restore-") as unpacked:
        folder = Path(unpacked)
        manifest = opened(path, asked.contour, folder)
        database = database and manifest.database
        if not database and not files:
            raise EnvProblem("this backup holds no database; nothing was touched", hint="take another backup")
        say(f"backup of {manifest.at}, release {manifest.release}, schema {manifest.schema}: what came later is lost")
        asked.to("go back to it")
        if asked.contour.settings.exists():
            present = asked.environment()
            if database and files:
                _refuse_another_cluster(present, folder)
        kept = _exchanged(asked.contour, folder, KEPT) if files else None
        answer: dict[str, Any] = {"restored": manifest.at, "kept": str(kept or ""), "then": [LOOK]}
        if not database:
            return answer
        aside = ""
        try:
            environment = asked.environment()
            with resting(environment):
                stamp = _stamp(kept) if kept else stamp_of_now()
                aside = beside.restore(environment, folder / DUMP, stamp=stamp)
        except BaseException:  # an interruption too
            if kept and not aside:  # the database is the one of before, and files and database go together
                shutil.rmtree(_return(asked.contour, kept))  # the backup's own files, which the backup has
            raise
    say(f"  the database of before is kept as {aside}; `larets env restore --back` brings it back")
    return answer | {"kept_database": aside} | _settled(environment, manifest, founding)


def _refuse_another_cluster(environment: Environment, folder: Path) -> None:
    """Settings of a cluster that is gone would lead nowhere, and its state names objects that nobody has.

    Raises:
        BackupOfAnotherCluster
    """
    if load_settings(folder / "settings.yaml").cluster.identifier != environment.settings.cluster.identifier:
        raise BackupOfAnotherCluster


def _settled(environment: Environment, manifest: Manifest, founding: Founding | None) -> dict[str, Any]:
    if manifest.side != "private":
        return {"then": [LOOK, AFTER]}
    done = settle(Inside(environment, say), founding)
    return done | {"then": [*([] if founding else [LATER]), LOOK, AFTER]}


def _founding(approvers: Sequence[str], reason: str) -> Founding:
    """Their proofs are asked for by a prompt that shows nothing; they never stand on a command line."""
    if len(set(approvers)) != PERSONS or not reason:
        raise EnvProblem("a log is founded anew by two persons", hint="--approver A --approver B --reason …")
    return Founding(tuple(approvers), reason, lambda what: str(typer.prompt(what, hide_input=True, err=True)))


def _go_back(asked: Asked) -> dict[str, Any]:
    """The last restore undone: its database with the files of the same moment, or files alone where it had no other."""
    environment = asked.environment()
    there, folders = beside.kept(environment), _put_aside(asked.contour)
    if not there and not folders:
        raise beside.NothingKept
    if folders and (not there or _stamp(folders[-1]) > there[-1].rpartition("_")[2]):
        asked.to(f"go back to the files of {folders[-1].name}, and no database: what came since is put aside")
        gone = _return(asked.contour, folders[-1])
        call_back(environment)
        return {"back": folders[-1].name, "kept": str(gone), "then": [LOOK]}
    asked.to(f"go back to {there[-1]}: what came since the restore is put aside")
    with resting(environment):
        again = beside.go_back(environment)
    files = [folder for folder in folders if again.endswith(_stamp(folder))]
    then = [*([AGAIN] if asked.contour.side == "private" else []), LOOK]
    return {"back": again, "kept": str(_return(asked.contour, files[-1])) if files else "", "then": then}


def _return(contour: Contour, folder: Path) -> Path:
    """What was put aside is in its place again, so it is no longer put aside. Returns where the other files went."""
    gone = _exchanged(contour, folder, GONE)
    shutil.rmtree(folder)
    return gone


def _exchanged(contour: Contour, folder: Path, aside: str) -> Path:
    """The files of `folder` in place of those that are there, and with them a state that is elsewhere.

    Raises:
        EngineFailed: the state did not change places; `--back` brings the files back.
    """
    if contour.settings.exists():
        elsewhere.export(open_environment(contour.environment, contour.side), contour.folder)
    kept = put_back(contour, folder, aside=aside)
    try:
        elsewhere.bring(contour)
    except EngineFailed as failed:
        raise EngineFailed(str(failed), hint=HALF) from failed
    return kept


def _drop_kept(asked: Asked) -> dict[str, Any]:
    environment = asked.environment()
    folders = [*_put_aside(asked.contour), *sorted(asked.contour.folder.glob(f"{GONE}*"))]
    databases = beside.put_aside(environment)
    if not databases and not folders:
        raise beside.NothingKept
    asked.to(f"remove for good: {', '.join([*databases, *(folder.name for folder in folders)])}")
    dropped = beside.drop_kept(environment) if databases else []
    for folder in folders:
        shutil.rmtree(folder)
    return {"dropped": [*dropped, *(folder.name for folder in folders)], "then": []}


def _stamp(folder: Path) -> str:
    """As it ends the database's name."""
    return folder.name.removeprefix(KEPT).lower()


def _put_aside(contour: Contour) -> list[Path]:
    """By restores, the oldest first."""
    return sorted(contour.folder.glob(f"{KEPT}*"))
