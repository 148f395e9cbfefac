"""`larets env backup`: settings, state and database of one contour in one file, without the passphrase."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from scripts.env.backup import take
from scripts.env.command import AsJson, Name, Which, told
from scripts.env.environment import open_environment
from scripts.env.locks import refuse_locked
from scripts.env.passphrase import refuse_half_rotated
from scripts.env.place import chosen
from scripts.voice import emit, result, say

cli = typer.Typer()


@cli.command()
@told
def backup(
    contour: Which,
    env: Name = "",
    out: Annotated[Path | None, typer.Option("--out", help="where the backup is written")] = None,
    without_database: Annotated[
        bool, typer.Option("--without-database", help="its own tools dump it, or nothing is in it")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take a backup. The passphrase is not in it: keep that elsewhere."""
    environment = open_environment(chosen(env), contour)
    refuse_locked(environment.engines)
    refuse_half_rotated(environment.contour)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = out or Path(f"{environment.contour.stack}-{stamp}.backup")
    manifest = take(environment, path, database=not without_database)
    if as_json:
        emit({"backup": str(path), **asdict(manifest)})
    else:
        result(f"{path}: {len(manifest.files)} files, schema {manifest.schema}")
        say("larets: hint: the passphrase is not in it, and without it the state opens to nobody")
