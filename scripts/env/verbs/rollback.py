"""`larets env rollback`: the images of the release before, planned; refused across a migration without a way back."""

import typer

from scripts.env.command import AsJson, Name, Which, told
from scripts.env.edit import changed_settings
from scripts.env.environment import open_environment
from scripts.env.place import chosen
from scripts.env.releases import previous
from scripts.env.show import plan_lines, show
from scripts.env.verbs.plan import plan_to_file
from scripts.voice import emit, result, say

cli = typer.Typer()


@cli.command()
@told
def rollback(contour: Which, env: Name = "", as_json: AsJson = False) -> None:
    """Put the previous release's images back into the settings and plan. Other settings stay as they are."""
    name = chosen(env)
    environment = open_environment(name, contour)
    bundle = previous(environment.contour)
    if bundle.release != environment.release:
        say(f"larets: hint: that was release {bundle.release}: its own `larets` deploys what it knew of")
    with changed_settings(environment.contour.settings, {"images": bundle.images}):
        made, path = plan_to_file(open_environment(name, contour))
    show(plan_lines(made))
    if as_json:
        emit({"plan": str(path), "digest": made.digest, "to": {"release": bundle.release, "at": bundle.at}})
    else:
        result(str(path))
