"""`larets rehearse`: both halves on two real control planes, from settings to removal, without internet or root.

The last line on standard output is one JSON object: `rehearsal`, `provider` (genuine or stand-in), `checks` and
`seconds`. Exit 0 when every check passes.
"""

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import yaml

from scripts.env.place import SIDES
from scripts.rehearse.checks import (
    applying,
    bad_input,
    changing,
    drifting,
    guarding,
    linking,
    losing,
    network,
    removing,
    replacing,
    secrecy,
)
from scripts.rehearse.plane import PlaneProblem
from scripts.rehearse.stage import Stage, answers, staged
from scripts.rehearse.verdicts import judged
from scripts.tools.build import make
from scripts.tools.tool import ToolProblem
from scripts.voice import fail, last_line, say

TOOLS: Final = ("etcd", "kwok", "pulumi", "kubernetes", "nca")

SETTLED: Final = "tools, two control planes, settings of both halves"
# In this order: each finds the environment as the one before left it.
CHECKS: Final[dict[str, Callable[[Stage], Any]]] = {
    "bad input is found before anything changes": bad_input.all_of,
    "three stacks on two control planes, ready": applying.bring_up,
    "contracts are accepted by fingerprint": linking.accepted_by_fingerprint,
    "the plan is what is applied": applying.plan_is_applied,
    "an empty change takes ten seconds at most": applying.quick_when_empty,
    "drift in ten kinds of fields": drifting.ten_kinds,
    "drift by additions": drifting.additions,
    "what a healthy cluster does is no drift": drifting.healthy,
    "breaches are refused by the API server": guarding.breaches_refused,
    "who may do what": guarding.rights_table,
    "only the intended paths": network.only_intended_paths,
    "upgrade and rollback": changing.upgrade_and_back,
    "rotation of certificates, passwords, passphrase": changing.rotated,
    "a bundle for support without values": changing.doctor_tells_no_value,
    "a wrong cluster is refused": guarding.wrong_cluster,
    "another cluster in a lost one's place": replacing.another_cluster,
    "killed in the middle and resumed": applying.killed_and_resumed,
    "a lost passphrase": losing.passphrase_lost,
    "no secret in clear": secrecy.no_secret_in_clear,
    "destroy leaves nothing": removing.leaves_nothing,
}

cli = typer.Typer(rich_markup_mode=None, add_completion=False)


@cli.command()
def rehearse(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="leave the rehearsal's files for a look")] = False,
) -> None:
    """Rehearse the deployment on this machine."""
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="larets-rehearsal-"))
    verdicts: dict[str, str] = {}
    provider, notes = "", {}
    try:
        make(TOOLS)
        with staged(folder) as stage:
            verdicts = judged({SETTLED: _settle}, stage)
            if verdicts[SETTLED] == "pass":
                verdicts |= judged(CHECKS, stage)
            provider, notes = stage.provider, stage.notes
    except (ToolProblem, PlaneProblem) as problem:
        last_line("shallow", {SETTLED: "fail"}, seconds=time.monotonic() - began, failed=str(problem))
        fail(str(problem), hint=problem.hint)
    finally:
        if keep:
            say(f"  the rehearsal's files: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    last_line("shallow", verdicts, seconds=time.monotonic() - began, provider=provider, **notes)
    if set(verdicts.values()) != {"pass"}:
        raise SystemExit(1)


def _settle(stage: Stage) -> None:
    """`larets env init` for both halves, and the provider plugin."""
    from tests.rehearsal.provider.install import install  # noqa: PLC0415  the stand-in is the tests' property

    for side in SIDES:
        kubeconfig = stage.folder / f"{side}.kubeconfig"
        kubeconfig.write_text(stage.planes[side].kubeconfig())
        given = stage.folder / f"{side}.answers.yaml"
        given.write_text(yaml.safe_dump(answers(stage.planes[side], side, kubeconfig)))
        stage.must("init", side, "--answers", str(given))
        stage.provider = install(stage.contour(side))
    if stage.provider != "genuine":
        say("  the genuine provider plugin is not here: a STAND-IN plays its part")
