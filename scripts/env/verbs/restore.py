"""`larets env restore`: one contour back to a backup. What was there before is kept beside it."""

import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer

from scripts.env.backup import DUMP, opened, put_back, restore_database
from scripts.env.command import AsJson, Name, Which, told
from scripts.env.environment import open_environment
from scripts.env.errors import EnvProblem
from scripts.env.locks import refuse_locked
from scripts.env.place import Side, chosen, contour_of
from scripts.env.quiet import resting
from scripts.voice import emit, result, say

# A person decides these, not a command: who was erased since, and that the log was set back on purpose.
AFTER: Final[dict[Side, tuple[str, ...]]] = {
    "private": (
        "larets subject replay: erases again whom the journal names; until then the vault serves nothing",
        "larets audit new-origin: two people say that the log was set back; the witness keeps their statement",
    ),
    "public": (),
}

cli = typer.Typer()


@cli.command()
@told
def restore(  # noqa: PLR0917  options of a command
    contour: Which,
    backup: Annotated[Path, typer.Argument(help="the file that `larets env backup` wrote")],
    env: Name = "",
    confirm: Annotated[str, typer.Option("--confirm", help="NAME/CONTOUR, instead of typing it")] = "",
    without_database: Annotated[bool, typer.Option("--without-database", help="files alone")] = False,
    as_json: AsJson = False,
) -> None:
    """Settings, state and database as the backup has them. Processes rest while the database is put back."""
    name = chosen(env)
    place = contour_of(name, contour)
    with tempfile.TemporaryDirectory(prefix="larets-restore-") as unpacked:
        folder = Path(unpacked)
        manifest = opened(backup, place, folder)
        say(f"backup of {manifest.at}, release {manifest.release}, schema {manifest.schema}: what came later is lost")
        typed = confirm or typer.prompt(f"type {name}/{contour} to go back to it", err=True)
        if typed != f"{name}/{contour}":
            raise EnvProblem("the name was not typed; nothing was touched", hint=f"it is {name}/{contour}")
        if place.settings.exists():
            refuse_locked(open_environment(name, contour).engines)
        kept = put_back(place, folder)
        environment = open_environment(name, contour)
        if manifest.database and not without_database:
            with resting(environment):
                restore_database(environment, folder / DUMP)
    after = AFTER[contour] if manifest.database and not without_database else ()
    if as_json:
        emit({"restored": manifest.at, "kept": str(kept), "then": list(after)})
    else:
        result(f"as of {manifest.at}; what was there before: {kept}")
        for step in (*after, "larets env plan: shows what the cluster holds otherwise"):
            say(f"larets: hint: {step}")
