"""`larets env plan`: what would be done. Exit 0 when the plan can be applied, 2 when something blocks it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from scripts.env.command import AsJson, Name, Which, told
from scripts.env.edit import changed_settings
from scripts.env.environment import Environment, open_environment
from scripts.env.made_cluster import ready
from scripts.env.material import ensure_material
from scripts.env.place import chosen
from scripts.env.plan import Plan
from scripts.env.planning import draft_plan
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
    end_blocked(made)


def plan_images(environment: Environment, images: Mapping[str, str], *, as_json: bool, **told: Any) -> None:
    """Other images into the settings, and a plan of it. Where it cannot be applied, the settings are as they were.

    Raises SystemExit: with 2, something blocks the plan.
    """
    contour = environment.contour
    with changed_settings(contour.settings, {"images": images}):
        made, path = plan_to_file(open_environment(contour.environment, contour.side))
        show(plan_lines(made))
        if as_json:
            emit({"plan": str(path), "digest": made.digest, "blocked": made.blocked, **told})
        else:
            result(str(path))
        end_blocked(made, "; the settings name the images of before")


def end_blocked(made: Plan, more: str = "") -> None:
    """Raises SystemExit, with 2: something blocks the plan."""
    if made.blocked:
        say(f"larets: error: the plan cannot be applied as long as these findings stand{more}")
        raise SystemExit(BLOCKED)


def plan_to_file(environment: Environment, out: Path | None = None) -> tuple[Plan, Path]:
    """Makes what secrets are missing, plans, saves the plan."""
    ready(environment)
    environment.prove_cluster()
    ensure_material(environment)
    made = draft_plan(environment).plan
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = out or environment.contour.plans / f"{stamp}-{made.digest[:12]}.json"
    made.save(path, environment.key)
    return made, path
