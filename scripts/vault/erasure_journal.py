"""`larets subject journal`: the erasure journal's own copy, which a lost volume is made good from.

A copy holds ids and dates, never a value. It is kept apart from the backups of the database.
"""

from pathlib import Path
from typing import Annotated

import typer

from scripts.files import write_whole
from scripts.vault.officer import OfficerDesk, at_desk
from scripts.voice import emit, fail, result, say

cli = typer.Typer(no_args_is_help=True, help="The erasure journal: copy it, put a copy back.")

Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]


@cli.command()
def copy(
    out: Annotated[Path, typer.Option("--out", help="the copy goes here")],
    *,
    as_json: Json = False,
) -> None:
    """Copy the journal, each line checked. After every erasure; keep it apart from the database's backups."""

    async def act(desk: OfficerDesk) -> bytes:
        return desk.journal.copied()

    content = at_desk(act, restored_too=True)
    write_whole(out, content, mode=0o600)
    lines = content.count(b"\n")
    if as_json:
        emit({"copy": str(out), "lines": lines})
    else:
        result(f"{out}: {lines} lines")


@cli.command()
def put_back(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="what `copy` wrote, or the parts of it one by one")],
    *,
    as_json: Json = False,
) -> None:
    """Write what a copy has beyond the journal that is here. Nothing that is here is changed.

    For a lost volume, before the database is restored. While the database does not know these erasures the vault
    serves nothing: restore it, then `larets subject replay`.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}")

    async def act(desk: OfficerDesk) -> int:
        return desk.journal.put_back(content)

    written = at_desk(act, restored_too=True)
    lines = content.count(b"\n")
    if as_json:
        emit({"lines": lines, "written": written})
        return
    result(f"{written} of {lines} lines were not here and are now")
    if written:
        say("larets: hint: the vault serves nothing until the database knows them: restore it, larets subject replay")
