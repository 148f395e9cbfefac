"""A plan is what is applied; what slips in between is refused; an empty change is quick; a killed apply is resumed."""

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import yaml

from scripts.env.environment import open_environment
from scripts.env.live import from_state, manifest_of
from scripts.env.notary import KUBERNETES
from scripts.env.place import SIDES, Side
from scripts.local.instance import ROOT
from scripts.rehearse.stage import NAME, CheckFailed, Stage
from scripts.tools.tool import BIN

LONGEST: Final = 10.0
MOST_TIMES: Final = 3.0  # what raw server-side apply of the same manifests takes
LEAST_OBJECTS: Final = 40
ROUNDS: Final = 5


def bring_up(stage: Stage) -> dict[str, Any]:
    """All three stacks on two control planes, and everything ready."""
    done: dict[str, Any] = {}
    for side in SIDES:
        applied = stage.bring_up(side)
        done[side] = {"steps": applied["steps"], "digest": applied["digest"]}
        stage.provider = applied["provider"]
        ready(stage, side)
    return done


def ready(stage: Stage, side: Side) -> None:
    answer = stage.must("status", side)
    waiting = [name for name, one in answer["workloads"].items() if not one["ready"]]
    if waiting or not answer["workloads"]:
        raise CheckFailed(f"not ready in the {side} contour: {', '.join(waiting) or 'nothing is there'}")


def plan_is_applied(stage: Stage) -> None:
    """Three ways of slipping something in between plan and apply; then the plan itself, untouched."""
    again = stage.must("plan", "private")
    if not again["empty"]:
        raise CheckFailed("a second plan right after an apply is not empty")
    stage.change("private", "sizes", worker={"replicas": 1, "max_replicas": 1, "cpu": "300m", "memory": "384Mi"})
    planned = stage.must("plan", "private")
    _slip_into_settings(stage, planned["plan"])
    _slip_into_cluster(stage, planned["plan"])
    _slip_into_file(stage, planned["plan"])
    applied = stage.must("apply", "private", "--plan", planned["plan"])
    if applied["digest"] != planned["digest"] or applied["steps"] != {"update": 1}:
        raise CheckFailed(f"what was applied is not what was planned: {applied['steps']}")
    live = stage.cluster("private").read(_deployment("vault", "vault-worker"))
    asked = live["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] if live else None
    if asked != "300m":
        raise CheckFailed(f"the cluster does not hold what was applied: {asked}")


def _slip_into_settings(stage: Stage, plan: str) -> None:
    path = stage.contour("private").settings
    whole = path.read_text()
    stage.change("private", "sizes", worker={"replicas": 1, "max_replicas": 1, "cpu": "350m", "memory": "384Mi"})
    _refused(stage, plan, "the settings")
    path.write_text(whole)


def _slip_into_cluster(stage: Stage, plan: str) -> None:
    cluster = stage.cluster("private")
    path = cluster.path(_deployment("vault", "vault-worker"))
    merge = "application/merge-patch+json"
    before = cluster.request("GET", path)["spec"].get("revisionHistoryLimit")
    patch = {"spec": {"revisionHistoryLimit": 7}}
    cluster.request("PATCH", path, body=patch, content=merge)
    _refused(stage, plan, "the cluster")
    cluster.request("PATCH", path, body={"spec": {"revisionHistoryLimit": before}}, content=merge)


def _slip_into_file(stage: Stage, plan: str) -> None:
    edited = Path(plan).with_suffix(".edited.json")
    content = json.loads(Path(plan).read_text())
    content["steps"] = content["steps"][1:]
    edited.write_text(json.dumps(content))
    _refused(stage, str(edited), "the plan's file")


def _refused(stage: Stage, plan: str, where: str) -> None:
    said = stage.run("apply", "private", "--plan", plan)
    if said.code == 0:
        raise CheckFailed(f"a change slipped into {where} and was applied")


def _deployment(namespace: str, name: str) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace}}


def quick_when_empty(stage: Stage) -> dict[str, Any]:
    """The private contour, nothing to change, beside server-side apply of the same manifests one by one.

    Both in a process of their own, start included. The figure of `kubectl`, which sends several at once, is told too.
    The twin: what drifted since the same plan was made is not taken for an empty change.
    """
    plan = stage.must("plan", "private")["plan"]
    folder = stage.folder / "raw"
    count = _write_raw(stage, folder)
    if count < LEAST_OBJECTS:
        raise CheckFailed(f"only {count} objects: too few for the figure to say anything")
    config = str(stage.folder / "private.kubeconfig")
    context = stage.planes["private"].context
    one_by_one = [sys.executable, "-m", "scripts.rehearse.raw", str(folder), config, context]
    kubectl = [str(BIN / "kubectl"), "--kubeconfig", config, "apply", "--server-side", "--force-conflicts"]
    kubectl += ["--field-manager=larets", "-f", str(folder)]
    # In turns, so that whatever else the machine does slows both alike; the median, so that one lucky round decides it.
    rounds = [(_apply_seconds(stage, plan), _seconds(one_by_one)) for _ in range(ROUNDS)]
    ours, raw = (statistics.median(figures) for figures in zip(*rounds, strict=True))
    at_once = _seconds(kubectl)
    shutil.rmtree(folder)
    figures = {
        "objects": count,
        "apply": round(ours, 2),
        "raw": round(raw, 2),
        "ratio": round(ours / raw, 1),
        "kubectl": round(at_once, 2),
    }
    stage.notes["empty_change"] = figures
    quick_enough(ours, raw)
    _slip_into_cluster(stage, plan)
    return figures


def quick_enough(ours: float, raw: float) -> None:
    """Raises CheckFailed."""
    if ours > LONGEST or ours > MOST_TIMES * raw:
        raise CheckFailed(f"an empty change takes {ours:.2f} s, and raw server-side apply {raw:.2f} s")


def _apply_seconds(stage: Stage, plan: str) -> float:
    said = stage.run("apply", "private", "--plan", plan)
    if said.code:
        raise CheckFailed(f"an empty plan was not applied: {said.error}")
    return said.seconds


def _write_raw(stage: Stage, folder: Path) -> int:
    folder.mkdir(mode=0o700)
    os.environ["LARETS_ENVIRONMENTS"] = str(stage.environments)
    environment = open_environment(NAME, "private")
    resources = [one for engine in environment.engines for one in engine.exported()["resources"]]
    objects = [manifest_of(from_state(one["inputs"])) for one in resources if one["type"].startswith(KUBERNETES)]
    for number, manifest in enumerate(objects):
        (folder / f"{number:03}.yaml").write_text(yaml.safe_dump(manifest))
    return len(objects)


def _seconds(command: list[str]) -> float:
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CheckFailed(f"the same manifests were not applied: {done.stderr[-300:]}")
    return time.monotonic() - began


def killed_and_resumed(stage: Stage) -> None:
    """An apply is killed with its engine in the middle; the lock is explained, and plan and apply go on."""
    path = stage.contour("public").settings
    whole = path.read_text()
    stage.change("public", "secrets", generation=7)  # starts every pod anew: many steps
    plan = stage.must("plan", "public")["plan"]
    _kill_in_the_middle(stage, plan)
    status = stage.run("status", "public", "--json").json
    if not status["interrupted"]:
        raise CheckFailed("a killed apply left no mark")
    if not any(lock["stale"] for lock in status["locks"]):
        raise CheckFailed("a killed apply left no lock: it was not in the middle, or its lock is not seen")
    said = stage.run("apply", "public", "--plan", plan)
    if said.code == 0 or "runs no more" not in said.err:
        raise CheckFailed(f"a stale lock was not explained: {said.error}")
    stage.must("unlock", "public")
    stage.bring_up("public")
    ready(stage, "public")
    after = stage.must("status", "public")
    if after["interrupted"] or after["locks"]:
        raise CheckFailed("the mark of the killed apply is still there")
    path.write_text(whole)
    stage.bring_up("public")


def _kill_in_the_middle(stage: Stage, plan: str) -> None:
    """At a step of the engine. Held still first, and let go on where its lock is gone already: between two stacks."""
    locks = stage.contour("public").folder / "state" / ".pulumi" / "locks"
    process = subprocess.Popen(
        stage.call("apply", "public", "--plan", plan),
        cwd=ROOT,
        env=stage.surroundings(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for line in process.stderr or ():
        if "/" in line.split()[0] and " update " in line:  # a step of the engine
            os.killpg(process.pid, signal.SIGSTOP)
            if any(locks.rglob("*.json")):
                break
            os.killpg(process.pid, signal.SIGCONT)
    os.killpg(process.pid, signal.SIGKILL)
    if process.wait() == 0:
        raise CheckFailed("the apply ended before it could be killed")
