"""`larets env apply --plan FILE`: exactly what the plan shows, or nothing."""

from pathlib import Path
from typing import Annotated

import typer

from scripts.env.apply import apply_plan
from scripts.env.command import AsJson, Name, Which, told
from scripts.env.environment import open_environment
from scripts.env.locks import refuse_locked
from scripts.env.made_cluster import ready, written_down
from scripts.env.place import chosen
from scripts.env.plan import load_plan
from scripts.voice import emit, result, say

cli = typer.Typer()


@cli.command()
@told
def apply(
    contour: Which,
    plan: Annotated[Path, typer.Option("--plan", help="the file that `larets env plan` wrote")],
    env: Name = "",
    as_json: AsJson = False,
) -> None:
    """Preview again, compare with the plan, then do what it shows."""
    environment = open_environment(chosen(env), contour)
    approved = load_plan(plan, environment.key)
    refuse_locked(environment.engines)
    ready(environment)
    answer = apply_plan(environment, approved)
    made = written_down(environment) if environment.settings.cluster.awaited else None
    if made:
        say(f"larets: hint: {made.next}")
    if as_json:
        emit(answer | ({"kubeconfig": str(made.kubeconfig), "context": made.context} if made else {}))
    else:
        done = ", ".join(f"{count} {op}" for op, count in answer["steps"].items()) or "nothing to do"
        result(f"{done}; {answer['unchanged']} as they were; digest {answer['digest'][:12]}")
