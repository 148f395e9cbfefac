"""`larets images [NAME…]`: the container images of both contours, as archives with digests and lists of contents."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer

from scripts.images.build import Built, build, ready
from scripts.images.context import IMAGES
from scripts.images.engine import choose
from scripts.images.errors import ImageProblem
from scripts.local.instance import ROOT
from scripts.voice import fail, last_line, say

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
    """Build what changed. The last line is JSON, as of the rehearsals, with reference, digest and archive of each."""
    del as_json
    wanted = names or list(IMAGES)
    unknown = [name for name in wanted if name not in IMAGES]
    if unknown:
        fail(f"no such image: {unknown[0]}", hint=f"known are {', '.join(IMAGES)}")
    began = time.monotonic()
    try:
        done = build(choose(engine), wanted, named_base=base, mirror=mirror, sources=sources, fresh=fresh)
        trials = {name: _start(name, each) for name, each in done.items()} if started else {}
    except ImageProblem as problem:
        checks = {name: "pass" if ready([name], named_base=base) else "fail" for name in wanted}
        last_line("images", checks, seconds=time.monotonic() - began, failed=str(problem))
        fail(str(problem), hint=problem.hint)
    checks = {name: _verdict(trials.get(name, {})) for name in done}
    notes: dict[str, Any] = {"images": {name: asdict(each) for name, each in done.items()}}
    if started:
        notes["started"] = trials
    last_line("images", checks, seconds=time.monotonic() - began, **notes)
    if set(checks.values()) != {"pass"}:
        raise SystemExit(1)


def _verdict(trials: Mapping[str, str]) -> str:
    return "pass" if all(verdict == "pass" for verdict in trials.values()) else "fail"


def _start(name: str, built: Built) -> dict[str, str]:
    from scripts.images.start import start  # noqa: PLC0415  it renders the stacks, and building does without

    say(f"  {name}: starting as the stacks do …")
    return start(name, ROOT / built.archive)
