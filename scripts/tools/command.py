"""`larets tools NAME…`, also `python -m scripts.tools NAME…`: programs of others for tests and rehearsals."""

import time
from dataclasses import asdict
from typing import Annotated

import typer

from scripts.tools.build import is_made, known_tools, make
from scripts.tools.tool import Tool, ToolProblem
from scripts.voice import emit, fail, last_line, result

cli = typer.Typer(help="Third-party programs for tests and rehearsals, made once into .tools.")


@cli.command()
def command(
    names: Annotated[list[str] | None, typer.Argument(help="which ones; none: see --all and --list")] = None,
    everything: Annotated[bool, typer.Option("--all", help="make every known tool")] = False,
    list_: Annotated[bool, typer.Option("--list", help="say which there are and which are made; make nothing")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON")] = False,
    line: Annotated[bool, typer.Option("--line", help="end with one line of JSON, as the rehearsals do")] = False,
) -> None:
    """Make the named tools if they are not made yet. A second run takes no time."""
    if list_:
        _list(as_json=as_json)
        return
    if not names and not everything:
        fail("no tool was named", hint=f"name some of: {', '.join(sorted(known_tools()))}; or give --all")
    began = time.monotonic()
    try:
        made = make(names or [])
    except ToolProblem as problem:
        if line:
            known = known_tools()
            checks = {name: _state(known.get(name)) for name in names or known}
            last_line("tools", checks, seconds=time.monotonic() - began)
        fail(str(problem), hint=problem.hint)
    if as_json:
        emit([asdict(each) for each in made])
        return
    for each in made:
        result(f"{each.name} {each.version}: {'ready' if not each.seconds else f'made in {each.seconds:.0f} s'}")
    if line:
        last_line("tools", {each.name: "pass" for each in made}, seconds=sum(each.seconds for each in made))


def _state(tool: Tool | None) -> str:
    return "pass" if tool is not None and is_made(tool) else "fail"


def _list(*, as_json: bool) -> None:
    rows = [
        {"name": tool.name, "version": tool.version, "made": is_made(tool), "takes": tool.takes}
        for tool in known_tools().values()
    ]
    if as_json:
        emit(rows)
        return
    for row in rows:
        state = "made" if row["made"] else f"takes about {row['takes']}"
        result(f"{row['name']:<22} {row['version']:<12} {state}")
