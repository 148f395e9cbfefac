"""`larets witness`: the public contour's witness of the audit log."""

import time
from typing import Annotated, Any, Final

import psycopg
import typer

from app.witness.keys import WitnessKeyProblem, read_public_key
from scripts.public.place import here
from scripts.voice import emit, fail, result

cli = typer.Typer(no_args_is_help=True, help="The witness of the audit log: its key, what it keeps.")

Json = Annotated[bool, typer.Option("--json", help="for programs")]
PAUSE: Final = 0.5
_NEWEST: Final = "SELECT origin, size, cosigned_at FROM witness_log WHERE size > 0 ORDER BY cosigned_at DESC LIMIT 1"


@cli.command()
def key(*, as_json: Json = False) -> None:
    """The witness's public key: what `public_keys.witness` of the settings must say."""
    try:
        found = str(read_public_key(here().witness_key_file))
    except WitnessKeyProblem as problem:
        fail(str(problem))
    if as_json:
        emit({"witness": found})
    else:
        result(found)


@cli.command()
def newest(
    *,
    at_least: Annotated[int, typer.Option(help="wait until so many records are cosigned")] = 1,
    seconds: Annotated[float, typer.Option(help="wait no longer")] = 0.0,
    as_json: Json = False,
) -> None:
    """The newest checkpoint that was cosigned here. Exit code 1 when it has fewer records than asked for."""
    url, deadline = here().database_url, time.monotonic() + seconds
    while (found := _newest(url))["size"] < at_least and time.monotonic() < deadline:
        time.sleep(PAUSE)
    if as_json:
        emit(found)
    else:
        result(f"{found['log']}  {found['size']:,} records  {found['cosigned']}")
    raise typer.Exit(0 if found["size"] >= at_least else 1)


def _newest(url: str) -> dict[str, Any]:
    with psycopg.connect(url, connect_timeout=5) as connection:
        row = connection.execute(_NEWEST).fetchone()
    log, size, at = row or ("none", 0, None)
    return {"log": log, "size": size, "cosigned": at.isoformat() if at else None}
