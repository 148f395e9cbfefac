"""`larets env destroy`: names what will be lost and needs the environment's name typed."""

from typing import Annotated, Any

import typer

from scripts.env.command import AsJson, Confirm, Name, Which, named, told
from scripts.env.destroy import losses, remove
from scripts.env.environment import open_environment
from scripts.env.locks import refuse_locked
from scripts.env.made_cluster import ready
from scripts.env.passphrase import refuse_half_rotated
from scripts.env.place import chosen
from scripts.voice import emit, result, say

cli = typer.Typer()


@cli.command()
@told
def destroy(
    contour: Which,
    env: Name = "",
    confirm: Confirm = "",
    with_data: Annotated[
        bool,
        typer.Option("--with-data", help="remove protected databases and key stores too: nothing brings them back"),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Remove the contour from its cluster."""
    environment = open_environment(chosen(env), contour)
    refuse_locked(environment.engines)
    refuse_half_rotated(environment.contour)
    environment.prove_cluster()
    ready(environment)
    lost = losses(environment)
    say(f"{len(lost.objects)} objects would be removed; lost with them:")
    for line in lost.data or ["nothing that holds data"]:
        say(f"  {line}")
    named(environment.contour, confirm, "remove it")
    answer: dict[str, Any] = remove(environment, with_data=with_data)
    if as_json:
        emit(answer)
    else:
        result(f"{answer['removed']} objects removed" + (f"; kept: {', '.join(answer['kept'])}" * bool(answer["kept"])))
