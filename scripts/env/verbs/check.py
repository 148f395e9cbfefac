"""`larets env check`: everything that can be found out before anything changes. Exit 0 when all of it holds."""

from dataclasses import asdict

import typer

from scripts.env.checks import check_all
from scripts.env.command import AsJson, Name, Which, told
from scripts.env.environment import open_environment
from scripts.env.place import chosen
from scripts.voice import emit, result

cli = typer.Typer()


@cli.command()
@told
def check(contour: Which, env: Name = "", as_json: AsJson = False) -> None:
    """Versions, reachability, rights, quotas, classes, clock, contract, certificates."""
    environment = open_environment(chosen(env), contour)
    found = []
    for one in check_all(environment):
        found.append(one)
        if not as_json:
            result(
                f"{'ok  ' if one.ok else 'FAIL'}  {one.name:<15}{one.told}"
                + (f"\n      {one.hint}" if one.hint else "")
            )
    if as_json:
        emit({"ok": all(one.ok for one in found), "checks": [asdict(one) for one in found]})
    if not all(one.ok for one in found):
        raise SystemExit(1)
