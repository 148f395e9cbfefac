"""`larets env drift`: exit 0 when there is none, 3 when there is, anything else when it could not be told."""

import time
from typing import Annotated, Final

import typer

from scripts.env.command import AsJson, Name, Which, told
from scripts.env.drift import Drifted, find_drift
from scripts.env.environment import open_environment
from scripts.env.place import chosen
from scripts.env.show import spelt
from scripts.voice import emit, result, say

DRIFT: Final = 3

cli = typer.Typer()


@cli.command()
@told
def drift(
    contour: Which,
    env: Name = "",
    watch: Annotated[int, typer.Option("--watch", help="look again every so many seconds until drift is found")] = 0,
    as_json: AsJson = False,
) -> None:
    """What the cluster holds otherwise than was applied. `plan` and `apply` put it right."""
    environment = open_environment(chosen(env), contour)
    found, looked = find_drift(environment)
    while watch and not found:
        say(f"  {looked} objects are as applied; looking again in {watch} s")
        time.sleep(watch)
        found, looked = find_drift(environment)
    if as_json:
        emit({"drift": [one.as_json() for one in found], "objects": looked})
    else:
        for one in found:
            _print(one)
        result(f"{len(found)} of {looked} objects drifted" if found else f"no drift: {looked} objects are as applied")
    if found:
        raise SystemExit(DRIFT)


def _print(one: Drifted) -> None:
    result(f"{one.object}{' IS GONE' if one.missing else ''}")
    for change in one.changes:
        result(f"    {spelt(change)}")
    if one.refused:
        result(f"    cannot be put back in place: {one.refused}")
