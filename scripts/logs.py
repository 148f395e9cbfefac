"""`larets logs`: the logs of all processes of this instance."""

import subprocess
from typing import Annotated

import typer

from scripts.local.instance import CONTOURS, load
from scripts.voice import fail

cli = typer.Typer()


@cli.command()
def logs(
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on until Ctrl+C")] = False,
    lines: Annotated[int, typer.Option(min=1, max=10_000, help="how many of each")] = 40,
) -> None:
    """Print the newest lines of every log, both contours."""
    instance = load()
    files = [str(path) for contour in CONTOURS for path in sorted(instance.logs(contour).glob("*.log"))]
    files += [str(path) for contour in CONTOURS if (path := instance.postgres(contour) / "server.log").exists()]
    if not files:
        fail("no logs yet", hint="run `make up` first")
    try:
        subprocess.run(["tail", "-n", str(lines), *(["-F"] if follow else []), *files], check=False)
    except KeyboardInterrupt:
        return
