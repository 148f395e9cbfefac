"""`larets env upgrade`: other images by digest, planned; `larets env apply` carries it out."""

from typing import Annotated, Final

import typer

from scripts.env.command import AsJson, Name, Which, told
from scripts.env.environment import open_environment
from scripts.env.errors import EnvProblem
from scripts.env.place import chosen
from scripts.env.releases import refuse_without_return
from scripts.env.verbs.plan import plan_images

IMAGE: Final = "registry/name@sha256:…"

cli = typer.Typer()


@cli.command()
@told
def upgrade(  # noqa: PLR0917  options of a command
    contour: Which,
    env: Name = "",
    larets: Annotated[str, typer.Option("--larets", help=f"this contour's processes, {IMAGE}")] = "",
    database: Annotated[str, typer.Option("--database", help=IMAGE)] = "",
    edge: Annotated[str, typer.Option("--edge", help=IMAGE)] = "",
    key_service: Annotated[str, typer.Option("--key-service", help=IMAGE)] = "",
    as_json: AsJson = False,
) -> None:
    """Put the images into the settings and plan. When that cannot be applied, the settings stay as they were."""
    named = {"larets": larets, "database": database, "edge": edge, "key_service": key_service}
    images = {name: image for name, image in named.items() if image}
    if not images:
        raise EnvProblem("no image was named", hint="--larets registry/name@sha256:<digest>")
    environment = open_environment(chosen(env), contour)
    if larets:
        refuse_without_return(environment)
    plan_images(environment, images, as_json=as_json)
