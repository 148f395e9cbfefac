"""`larets env exec`: a command of an administrator inside a deployed contour."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from scripts.commands import INSIDE
from scripts.env.command import Name, Which, told
from scripts.env.environment import open_environment
from scripts.env.errors import EnvProblem
from scripts.env.inside import SECONDS, Inside
from scripts.env.place import chosen
from scripts.files import write_whole
from scripts.inside.wire import Request, is_plain
from scripts.voice import say

cli = typer.Typer()


@cli.command(context_settings={"ignore_unknown_options": True})
@told
def run(
    contour: Which,
    words: Annotated[list[str], typer.Argument(metavar="-- COMMAND …", help="such as: -- keys status --json")],
    env: Name = "",
    *,
    stdin: Annotated[bool, typer.Option("--stdin", help="hand this command's standard input over")] = False,
    send: Annotated[list[Path] | None, typer.Option("--send", help="a file the command reads, by its name")] = None,
    receive: Annotated[Path, typer.Option("--receive", help="the folder for files the command writes")] = Path(),
    seconds: Annotated[int, typer.Option("--seconds", min=10, max=86_400, help="it is ended after that")] = SECONDS,
) -> None:
    """Run a command beside the contour's processes; exit code, output and files are the command's own.

    Private: audit, classify, consent, keys, program, relay, search, shop, staff, subject, tenant. Public: held,
    witness. Files are named without a folder on both sides. No argument and no result stands in clear in a log.
    """
    if words[0] not in INSIDE[contour]:
        raise EnvProblem(
            f"there is no command {words[0]} inside the {contour} contour",
            hint=f"there are {', '.join(INSIDE[contour])}",
        )
    asked = Request(tuple(words), sys.stdin.buffer.read() if stdin else b"", _files(send or []))
    answer = Inside(open_environment(chosen(env), contour), say, seconds).run(asked)
    sys.stdout.buffer.write(answer.output)
    sys.stdout.flush()
    _keep(answer.files, receive)
    raise SystemExit(answer.code)


def _keep(files: Mapping[str, bytes], folder: Path) -> None:
    """For their owner's eyes. Raises EnvProblem: one of them would be written over; none is written then."""
    there = [name for name in files if (folder / name).exists()]
    if there:
        raise EnvProblem(f"{folder / there[0]} exists and was not written over", hint="--receive names another folder")
    for name, content in files.items():
        write_whole(folder / name, content, mode=0o600)
        say(f"  {folder / name}")


def _files(paths: list[Path]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for path in paths:
        if not is_plain(path.name) or path.name in found:
            raise EnvProblem(
                f"{path.name} cannot be sent under this name", hint="give it another one, without a folder"
            )
        try:
            found[path.name] = path.read_bytes()
        except OSError as error:
            raise EnvProblem(f"{path} cannot be read: {error.strerror}") from error
    return found
