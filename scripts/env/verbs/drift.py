"""`larets env drift`: exit 0 when there is none, 3 when there is, anything else when it could not be told."""

from functools import partial
from typing import Annotated, Final

import typer

from scripts.env.command import AsJson, Name, Which, told
from scripts.env.drift import Drifted, find_drift
from scripts.env.environment import open_environment
from scripts.env.place import chosen
from scripts.env.show import spelt
from scripts.env.watch import Round, look, rounds, until_told
from scripts.voice import emit, emit_line, result, say

DRIFT: Final = 3
UNTOLD: Final = 1
AGAIN: Final = "look again every so many seconds until told to end; the exit code is the last round's"

cli = typer.Typer()


@cli.command()
@told
def drift(
    contour: Which,
    env: Name = "",
    watch: Annotated[int | None, typer.Option("--watch", min=1, help=AGAIN)] = None,
    as_json: AsJson = False,
) -> None:
    """What the cluster holds otherwise than was applied. `plan` and `apply` put it right."""
    environment = open_environment(chosen(env), contour)
    if watch:
        opened = partial(open_environment, environment.contour.environment, contour)
        raise SystemExit(_watch(partial(look, opened), watch, as_json=as_json))
    found, looked = find_drift(environment)
    if as_json:
        emit({"drift": [one.as_json() for one in found], "objects": looked})
    else:
        _print(found, looked)
    if found:
        raise SystemExit(DRIFT)


def _watch(look_: partial[Round], every: int, *, as_json: bool) -> int:
    """One line of JSON per round, or one paragraph; the exit code of the last round that could tell."""
    code = UNTOLD
    for one in rounds(look_, every, until_told()):
        if not one.busy:
            code = UNTOLD if one.failed else DRIFT if one.drift else 0
        if as_json:
            emit_line(one.as_json())
        elif one.busy or one.failed:
            say(f"{one.at}  {'another command is at work' if one.busy else one.failed}")
        else:
            result(one.at)
            _print(list(one.drift), one.objects)
    return code


def _print(found: list[Drifted], looked: int) -> None:
    for one in found:
        result(f"{one.object}{' IS GONE' if one.missing else ' IS NOT OURS' if one.foreign else ''}")
        for change in one.changes:
            result(f"    {spelt(change)}")
        if one.refused:
            result(f"    cannot be put back in place: {one.refused}")
        if one.foreign:
            result(f"    {one.foreign}")
    drifted = sum(not one.foreign for one in found)
    more = f"; {len(found) - drifted} that no stack made" if len(found) > drifted else ""
    result(f"{drifted} of {looked} objects drifted{more}" if found else f"no drift: {looked} objects are as applied")
