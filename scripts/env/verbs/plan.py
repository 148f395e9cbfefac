"""`larets env plan`: what would be done. Exit 0 when the plan can be applied, 2 when something blocks it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from scripts.env.command import AsJson, Name, Which, told
from scripts.env.environment import Environment, open_environment
from scripts.env.material import ensure_material
from scripts.env.place import chosen
from scripts.env.plan import Plan
from scripts.env.planning import draft_plan
from scripts.env.plugins import prepare
from scripts.env.show import plan_lines, show
from scripts.voice import emit, result, say

BLOCKED: Final = 2

cli = typer.Typer()


@cli.command()
@told
def plan(
    contour: Which,
    env: Name = "",
    out: Annotated[Path | None, typer.Option("--out", help="where the plan is saved")] = None,
    as_json: AsJson = False,
) -> None:
    """What would be done, and a file of it for `larets env apply --plan`."""
    environment = open_environment(chosen(env), contour)
    made, path = plan_to_file(environment, out)
    show(plan_lines(made))
    if as_json:
        emit({"plan": str(path), "empty": made.empty, "blocked": made.blocked, **made.as_json()})
    else:
        result(str(path))
    if made.blocked:
        say("larets: error: the plan cannot be applied as long as these findings stand")
        raise SystemExit(BLOCKED)


def plan_to_file(environment: Environment, out: Path | None = None) -> tuple[Plan, Path]:
    """Makes what secrets are missing, plans, saves the plan."""
    prepare(environment.contour)
    environment.cluster()
    ensure_material(environment)
    made = draft_plan(environment).plan
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = out or environment.contour.plans / f"{stamp}-{made.digest[:12]}.json"
    made.save(path, environment.key)
    return made, path
