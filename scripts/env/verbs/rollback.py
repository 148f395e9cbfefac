"""`larets env rollback`: the images of the release before, planned; refused across a migration without a way back."""

import typer

from scripts.env.command import AsJson, Name, Which, told
from scripts.env.environment import open_environment
from scripts.env.place import chosen
from scripts.env.releases import previous
from scripts.env.verbs.plan import plan_images
from scripts.voice import say

cli = typer.Typer()


@cli.command()
@told
def rollback(contour: Which, env: Name = "", as_json: AsJson = False) -> None:
    """Put the previous release's images back into the settings and plan. Other settings stay as they are."""
    environment = open_environment(chosen(env), contour)
    bundle = previous(environment.contour)
    if bundle.release != environment.release:
        say(f"larets: hint: that was release {bundle.release}: its own `larets` deploys what it knew of")
    plan_images(environment, bundle.images, as_json=as_json, to={"release": bundle.release, "at": bundle.at})
