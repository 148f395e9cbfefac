"""`larets postgres`: settings of PostgreSQL for the operator of a cluster of one's own."""

import os
from typing import Annotated

import psutil
import typer

from infra.lib.postgres import PARAMETERS
from infra.lib.postgres_sizing import GIB, STANDBY, sized
from scripts.voice import emit, result

cli = typer.Typer(no_args_is_help=True)


@cli.callback()
def postgres() -> None:
    """PostgreSQL beneath the vault and the CRM."""


@cli.command()
def settings(
    *,
    memory: Annotated[float | None, typer.Option(metavar="GIB", min=0.5, help="of the machine; this one's")] = None,
    cores: Annotated[int | None, typer.Option(min=1, help="of the machine; this one's")] = None,
    clusters: Annotated[int, typer.Option(min=1, help="that share the machine")] = 1,
    standby: Annotated[bool, typer.Option("--standby", help="of one that answers reads of the vault")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Print them as a file to include: `include 'larets.conf'` in postgresql.conf, then restart."""
    found = PARAMETERS | sized(
        int(memory * GIB) if memory is not None else psutil.virtual_memory().total,
        cores or os.cpu_count() or 1,
        clusters=clusters,
    )
    if standby:
        found |= STANDBY
    if as_json:
        emit(found)
    else:
        result("\n".join(f"{name} = '{value}'" for name, value in found.items()))
