"""`larets reset`: delete the local instance, after asking."""

import shutil
import sys
from typing import Annotated

import typer

from scripts.down import down
from scripts.local.instance import exists, load
from scripts.voice import fail, say

cli = typer.Typer()


@cli.command()
def reset(*, yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False) -> None:
    """Stop everything and delete the data, the keys and the secrets of this instance. Cannot be undone."""
    if not exists():
        say("nothing to delete")
        return
    instance = load()
    say(f"This deletes both databases, the keys and the logs in {instance.home}. Nothing brings them back.")
    if not yes:
        if not sys.stdin.isatty():
            fail("not asked and not confirmed: nothing was deleted", hint="run `larets reset --yes`")
        typer.confirm("Delete them?", abort=True, err=True)
    down()
    for part in ("data", "secrets"):
        shutil.rmtree(instance.home / part, ignore_errors=True)
    (instance.home / "instance.json").unlink(missing_ok=True)
    say("deleted")
