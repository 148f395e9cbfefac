"""Both halves deployed to real nodes as their administrators would, and every pod ready for real."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final

import yaml

from pii_vault.keys.transit import create_transit_keys
from scripts.env.errors import EnvProblem
from scripts.env.place import SIDES, Side
from scripts.rehearse.checks import applying, linking
from scripts.rehearse.deep import answers
from scripts.rehearse.deep.stage import DeepStage
from scripts.rehearse.stage import CheckFailed
from scripts.voice import say

READY: Final = "Ready"


def settle(stage: DeepStage) -> None:
    """`larets env init` for both halves, the provider plugin, and what only a person can give.

    Raises:
        CheckFailed: a command refused.
    """
    from tests.rehearsal.provider.install import install  # noqa: PLC0415  the stand-in is the tests' property

    signs_in, operator = stage.keys.options(), stage.keys.options("operator")
    for side in SIDES:
        kubeconfig = stage.folder / f"{side}.kubeconfig"
        kubeconfig.write_text(stage.planes[side].kubeconfig())
        told = stage.folder / f"{side}.answers.yaml"
        content = answers.answers(
            stage.planes[side], side, kubeconfig, stage.images, role=signs_in.role, operator=operator.role
        )
        told.write_text(yaml.safe_dump(content))
        stage.must("init", side, "--answers", str(told))
        stage.provider = install(stage.contour(side))
    if stage.provider != "genuine":
        say("  the genuine provider plugin is not here: a STAND-IN plays its part")
    given = {
        "tls-key-service-crt": stage.keys.ca,
        "key-service-secret": signs_in.secret_file,
        "key-service-operator-secret": operator.secret_file,
    }
    for name, file in given.items():
        stage.must("give", "private", name, "--file", str(file))
    create_transit_keys(operator)  # what `larets keys init` does, once, by its operator


def linked(stage: DeepStage) -> None:
    """The log's key, which the key service made, is asked of the vault; then each accepts the other by fingerprint."""
    told = stage.must_exec("private", "audit", "key")
    stage.change("private", "public_keys", audit=told.out.strip())
    linking.accepted_by_fingerprint(stage)
    for side in SIDES:
        applying.ready(stage, side)
        pods_ready(stage, side)


def three_stacks(stage: DeepStage) -> dict[str, Any]:
    """Plan and apply of both halves with a closed link, side by side; then every pod is asked whether it is ready."""
    with ThreadPoolExecutor() as both:
        told = both.map(lambda side: _brought_up(stage, side), SIDES)
        return {key: value for one in told for key, value in one.items()}


def _brought_up(stage: DeepStage, side: Side) -> dict[str, Any]:
    stage.must("check", side)
    applied = stage.bring_up(side)
    applying.ready(stage, side)
    return {side: applied["steps"], f"{side} pods": pods_ready(stage, side)}


def pods_ready(stage: DeepStage, side: Side, *, since: datetime | None = None) -> int:
    """How many pods serve, with containers that were started after `since`. Raises CheckFailed: one does not."""
    pods = [pod for pod in stage.cluster(side).request("GET", "/api/v1/pods")["items"] if not _is_over(pod)]
    waiting = [pod["metadata"]["name"] for pod in pods if not _is_ready(pod) or (since and not _is_fresh(pod, since))]
    if waiting or not pods:
        raise CheckFailed(f"pods of the {side} contour are not ready: {', '.join(waiting) or 'there are none'}")
    return len(pods)


def patiently(step: Callable[[], object], seconds: float) -> None:
    """The step again, until it is not refused. Raises CheckFailed: the last reason, after so many seconds."""
    until = time.monotonic() + seconds
    while True:
        try:
            step()
        except (CheckFailed, EnvProblem) as problem:
            if time.monotonic() > until:
                raise CheckFailed(f"after {seconds:.0f} s: {problem}") from problem
            time.sleep(1)
        else:
            return


def _is_over(pod: dict[str, Any]) -> bool:
    return bool(pod["status"]["phase"] == "Succeeded" or pod["metadata"].get("deletionTimestamp"))


def _is_fresh(pod: dict[str, Any], since: datetime) -> bool:
    """Of a node that is away the API server tells what it last heard."""
    states = [one["state"].get("running", {}).get("startedAt", "") for one in pod["status"]["containerStatuses"]]
    return all(started and datetime.fromisoformat(started) >= since for started in states)


def _is_ready(pod: dict[str, Any]) -> bool:
    return any(one["type"] == READY and one["status"] == "True" for one in pod["status"].get("conditions", []))
