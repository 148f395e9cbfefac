"""`larets env render`: the manifests as files, one per object. No cluster, no engine, no secret; the rules first."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from infra.lib.settings import StackSettings, load_settings, settings_of
from infra.render import all_registrations, manifests_of, write
from scripts.env.command import AsJson, Name, Which, told
from scripts.env.errors import Blocked, EnvProblem
from scripts.env.example import example
from scripts.env.findings import rendered_findings
from scripts.env.place import chosen, contour_of, environments
from scripts.voice import emit, result, say

cli = typer.Typer()


@cli.command()
@told
def render(
    contour: Which,
    out: Annotated[Path, typer.Option("--out", help="the folder for the files")],
    env: Name = "",
    settings: Annotated[Path | None, typer.Option("--settings", help="a settings file, instead of --env")] = None,
    as_json: AsJson = False,
) -> None:
    """Manifests for GitOps, unless a rule is against them. A Secret is a placeholder that names its keys."""
    read = load_settings(settings) if settings else _settings(env, contour)
    if read.contour != contour:
        raise EnvProblem(f"these settings are of the {read.contour} contour", hint=f"--contour {read.contour}")
    registered = all_registrations(read)
    findings = rendered_findings(registered, read)
    for one in findings:
        say(f"  {one.rule}: {one.object}: {one.reason}")
    if any(one.blocks for one in findings):
        raise Blocked("the rules refuse these manifests; nothing was written", hint="correct what they name")
    written = write(manifests_of(registered), out, of=f"{read.environment}/{contour}")
    for path in written.removed:
        say(f"  removed, of an earlier rendering: {path}")
    for path in written.left:
        say(f"  left alone, not written by this command: {path}")
    if as_json:
        told = {name: sorted(map(str, paths)) for name, paths in asdict(written).items()}
        emit({"contour": contour, **told, "findings": [asdict(one) for one in findings]})
    else:
        result(f"{len(written.files)} manifests in {out}")


def _settings(env: str, contour: Which) -> StackSettings:
    if not env and not any(environments().glob(f"*/{contour}/settings.yaml")):
        say("  no environment here: rendering the example that `larets env init` would write")
        return settings_of(example("example", contour))
    path = contour_of(chosen(env), contour).settings
    return load_settings(path)
