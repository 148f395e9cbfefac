"""`larets rehearse-deep`: both halves on two real nodes of this machine, and the main job, the breaches and the
failures inside them. Root and Linux only.

The last line on standard output is one JSON object: `rehearsal`, `provider` (genuine or stand-in), `checks` and
`seconds`. Exit 0 when every check passes. All of it runs in namespaces of its own: the machine's network and mounts
stay as they are, and nothing outlives the command, however it ends.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer

from scripts.images.build import Built, build, ready
from scripts.images.context import IMAGES
from scripts.images.engine import choose
from scripts.images.errors import ImageProblem
from scripts.local.instance import ROOT
from scripts.rehearse.deep import inside
from scripts.rehearse.deep.demands import lacking
from scripts.rehearse.deep.room import opened
from scripts.rehearse.deep.sweep import workplace
from scripts.rehearse.plane import PlaneProblem
from scripts.tools.build import is_made, known_tools, make
from scripts.tools.tool import ToolProblem
from scripts.voice import fail, last_line, say

TOOLS: Final = (
    "etcd", "kubernetes", "kubernetes-node", "pulumi", "vault", "containerd", "kube-router", "coredns", "node",
)  # fmt: skip
FIRST: Final = "two nodes, images, key service"
LOGS: Final = ("*.log", "*.yaml", "*.toml", "*.conflist", inside.VERDICT)

cli = typer.Typer(rich_markup_mode=None, add_completion=False)


@cli.command()
def rehearse_deep(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="leave logs and settings for a look")] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="the checks with this text in their names, after the first three")
    ] = None,
    when_cached: Annotated[
        bool, typer.Option("--when-cached", help="build nothing: where it cannot run at once, say so and end well")
    ] = False,
) -> None:
    """Rehearse the deployment on real nodes of this machine."""
    began = time.monotonic()
    for what, hint in [*lacking(), *(_not_cached() if when_cached else ())]:
        if when_cached:
            last_line("deep", {}, seconds=0.0, left_out=what)
            return
        _end(what, hint, began)
    try:
        inside.chosen(only or [])
    except LookupError as unknown:
        fail(f"no check has {unknown} in its name", hint="; ".join(inside.CHECKS))
    try:
        images = _made()
        say(f"  tools and images are there, {time.monotonic() - began:.0f} s")
        with workplace(keep=keep) as folder:
            verdict = _run(folder, images, only or [])
            if keep:
                _keep_logs(folder)
                say(f"  logs and settings: {folder}")
    except (ToolProblem, ImageProblem, PlaneProblem) as problem:
        _end(str(problem), problem.hint, began)
    checks = verdict.pop("checks", {})
    if only:
        verdict["only"] = only  # so that nobody takes it for a whole one
    last_line("deep", checks, seconds=time.monotonic() - began, **{"provider": "", **verdict})
    if not checks or set(checks.values()) != {"pass"}:
        raise SystemExit(1)


def _end(problem: str, hint: str, began: float) -> NoReturn:
    last_line("deep", {FIRST: "fail"}, seconds=time.monotonic() - began, failed=problem)
    fail(problem, hint=hint)


def _not_cached() -> Iterator[tuple[str, str]]:
    known = known_tools()
    for name in TOOLS:
        if not is_made(known[name]):
            yield f"the tool {name} is not made yet", "make tools"
    if ready(list(IMAGES), named_base=os.environ.get("BASE", "")) is None:
        yield "images are not built from what is here now", "make images"


def _made() -> Mapping[str, Built]:
    """Tools and images; what is there and fits is taken as it is. Raises ToolProblem, ImageProblem."""
    base = os.environ.get("BASE", "")
    make(TOOLS)
    there = ready(list(IMAGES), named_base=base)
    return there or build(choose(os.environ.get("ENGINE", "")), list(IMAGES), named_base=base)


def _run(folder: Path, images: Mapping[str, Built], only: Sequence[str]) -> dict[str, Any]:
    """The rehearsal in a room of its own, which ends with this process."""
    (folder / inside.IMAGES).write_text(json.dumps({name: asdict(each) for name, each in images.items()}))
    command = opened([sys.executable, "-m", inside.__name__, str(folder), *only])
    done = subprocess.run(command, cwd=ROOT, check=False)
    try:
        found: dict[str, Any] = json.loads((folder / inside.VERDICT).read_text())
    except OSError:
        say(f"larets: error: the rehearsal ended with {done.returncode} before its checks; --keep leaves its logs")
        return {"checks": {FIRST: "fail"}}
    return found


def _keep_logs(folder: Path) -> None:
    """Of gigabytes what a person reads. Kubeconfigs and keys of the ended clusters open nothing any more."""
    kept = folder / "kept"
    found = [path.relative_to(folder) for pattern in LOGS for path in folder.rglob(pattern)]
    for path in found:
        if "containerd" not in path.parts:
            (kept / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / path, kept / path)
    for path in folder.iterdir():
        if path.is_dir() and path != kept:
            shutil.rmtree(path, ignore_errors=True)
