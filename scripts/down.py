"""`larets down`: stop the processes of this instance, and only those."""

import typer

from scripts.local import postgres
from scripts.local.instance import CONTOURS, exists, load
from scripts.local.processes import stop
from scripts.local.start import alone
from scripts.voice import say

cli = typer.Typer()


@cli.command()
def down() -> None:
    """Stop the processes that `larets up` started. Data and secrets stay where they are."""
    if not exists():
        say("nothing was running")
        return
    instance = load()
    with alone(instance):
        stopped = stop(instance)
        for contour in CONTOURS:
            if postgres.running(instance.postgres(contour)):
                postgres.stop(instance.postgres(contour))
                stopped.append(f"{contour} PostgreSQL")
    say(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")
