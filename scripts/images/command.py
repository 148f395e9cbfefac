"""`larets images [NAME…]`: the container images of both contours, as archives with digests and lists of contents."""

import json
import time
from dataclasses import asdict
from typing import Annotated, Any

import typer

from scripts.images.build import Built, build
from scripts.images.context import IMAGES
from scripts.images.engine import choose
from scripts.images.errors import ImageProblem
from scripts.local.instance import ROOT
from scripts.voice import fail, result, say

cli = typer.Typer(help="The container images of both contours, built into .tools/images.")


@cli.command()
def command(
    names: Annotated[list[str] | None, typer.Argument(help=f"some of {', '.join(IMAGES)}; none: all")] = None,
    *,
    engine: Annotated[str, typer.Option("--engine", envvar="ENGINE", help="docker, podman or buildah")] = "",
    base: Annotated[
        str,
        typer.Option("--base", envvar="BASE", help="a Debian image by digest, or `debootstrap`; none: what answers"),
    ] = "",
    mirror: Annotated[str, typer.Option("--mirror", envvar="MIRROR", help="Debian's mirror for debootstrap")] = "",
    sources: Annotated[
        str, typer.Option("--sources", envvar="SOURCES", help="a sources.list for debootstrap's base")
    ] = "",
    fresh: Annotated[bool, typer.Option("--fresh", help="build again, with today's updates of Debian")] = False,
    started: Annotated[
        bool, typer.Option("--start", help="start each as the stacks do, by runc, and see what it may")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="the result is JSON in any case")] = False,
) -> None:
    """Build what changed. The last line is JSON: images with reference, digest and archive, and seconds."""
    del as_json
    wanted = names or list(IMAGES)
    unknown = [name for name in wanted if name not in IMAGES]
    if unknown:
        fail(f"no such image: {unknown[0]}", hint=f"known are {', '.join(IMAGES)}")
    began = time.monotonic()
    try:
        done = build(choose(engine), wanted, named_base=base, mirror=mirror, sources=sources, fresh=fresh)
    except ImageProblem as problem:
        fail(str(problem), hint=problem.hint)
    answer: dict[str, Any] = {"images": {name: asdict(each) for name, each in done.items()}}
    if started:
        answer["started"] = {name: _start(name, each) for name, each in done.items()}
    result(json.dumps(answer | {"seconds": round(time.monotonic() - began, 1)}))
    if any(verdict != "pass" for trials in answer.get("started", {}).values() for verdict in trials.values()):
        raise SystemExit(1)


def _start(name: str, built: Built) -> dict[str, str]:
    from scripts.images.start import start  # noqa: PLC0415  it renders the stacks, and building does without

    say(f"  {name}: starting as the stacks do …")
    try:
        return start(name, ROOT / built.archive)
    except ImageProblem as problem:
        fail(str(problem), hint=problem.hint)
