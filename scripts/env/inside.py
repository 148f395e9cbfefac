"""A command inside a deployed contour: a Job beside its processes, asked by a Secret, answering sealed in its log.

The process that asks holds the credentials of this one contour. What it asks for is never in the Job; the key that
opens the answer never leaves this process.
"""

import base64
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from infra.components import command
from infra.components.app import workloads as app_workloads
from infra.components.objects import Manifest
from infra.components.vault import for_commands
from infra.components.workload import WorkloadArgs
from infra.lib.labels import NAME
from infra.programs.common import peer_of
from infra.programs.private import vault_args
from infra.programs.public import app_args
from scripts.env.environment import Environment
from scripts.env.errors import ClusterRefused, EnvProblem
from scripts.env.kube import Cluster
from scripts.inside.wire import Answer, Opening, Request, WireProblem

SECONDS: Final = 3600
START_SECONDS: Final = 180.0  # to be scheduled, pull the image and start
PAUSE: Final = 1.0
LEFT: Final = timedelta(hours=1)  # a Job that was not let go by then has nobody who will
MANAGER: Final = "larets-command"
BAD_REQUEST, NOT_FOUND = 400, 404
# A container that waits for one of these will not start by itself.
HOPELESS: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError",
     "CreateContainerError", "RunContainerError"}
)  # fmt: skip
Told = Callable[[str], None]


class CommandProblem(EnvProblem):
    """The command could not be run inside the contour, or its answer did not come whole."""

    hint = "`larets env status` says what is ready; the Job's events say why a pod does not start"


@dataclass(frozen=True, slots=True)
class Inside:
    """Runs commands in one contour of one environment."""

    environment: Environment
    told: Told
    seconds: int = SECONDS

    def run(self, asked: Request) -> Answer:
        """The command's whole answer; its exit code is not judged.

        Raises:
            CommandProblem: it did not start, was ended, or its answer is not whole.
        """
        side = self.environment.contour.side
        name = f"{command.COMMAND}-{secrets.token_hex(4)}"
        worker = worker_of(self.environment)
        opening = Opening.new(name, self.told)
        try:
            content = asked.to_bytes(name=name, key=opening.key.public_key())
        except WireProblem as problem:
            raise CommandProblem(str(problem), hint="send less at once") from None
        cluster = self.environment.cluster()
        with _made(cluster, command.job(name, side, worker, seconds=self.seconds)) as job:
            _sweep(cluster, job)
            encoded = base64.b64encode(content).decode()
            cluster.apply(command.request(name, side, worker, encoded, owner=job), manager=MANAGER)
            cluster.request(
                "PATCH", cluster.path(job), body={"spec": {"suspend": False}}, content="application/merge-patch+json"
            )
            return _answer(cluster, job, opening, seconds=self.seconds)


def worker_of(environment: Environment) -> WorkloadArgs:
    """The contour's worker, as the stack deploys it, with what commands need."""
    settings = environment.settings
    peer = peer_of(settings)
    if environment.contour.side == "private":
        return for_commands(vault_args(settings, peer))
    return app_workloads(app_args(settings, peer))[1]


@contextmanager
def _made(cluster: Cluster, manifest: Manifest) -> Iterator[Manifest]:
    """The live Job; it is removed with its pod and its Secret however this ends."""
    job = cluster.apply(manifest, manager=MANAGER)
    try:
        yield job
    finally:
        cluster.delete(job)


def _sweep(cluster: Cluster, job: Manifest) -> None:
    """Jobs of processes that were killed before they let them go: suspended, neither their deadline nor TTL counts.

    Their age is told by the API server's clock alone, which wrote both times.
    """
    jobs = cluster.path(job).rpartition("/")[0]
    listed: Any = cluster.request("GET", jobs, query={"labelSelector": f"{NAME}={command.COMMAND}"})
    for one in listed["items"]:
        meta = one["metadata"]
        ours = meta["name"].startswith(f"{command.COMMAND}-") and one["spec"].get("suspend", False)
        if ours and _made_at(one) < _made_at(job) - LEFT:
            cluster.delete({"apiVersion": job["apiVersion"], "kind": job["kind"], "metadata": meta})


def _made_at(job: Manifest) -> datetime:
    return datetime.fromisoformat(job["metadata"]["creationTimestamp"])


def _answer(cluster: Cluster, job: Manifest, opening: Opening, *, seconds: float) -> Answer:
    began = time.monotonic()
    while True:
        pod = _pod(cluster, job)
        phase = _phase(pod)
        # The phase was seen before the log is read, so of an ended pod the whole log is read.
        if phase != "Pending" and _is_whole(cluster, pod, opening):
            return opening.answer
        if phase in {"Succeeded", "Failed"}:
            raise CommandProblem(f"the command ended without its whole answer: {_reason(pod)}")
        _refuse_hopeless(pod)
        waited = time.monotonic() - began
        if waited > (START_SECONDS if phase == "Pending" else seconds):
            raise CommandProblem(
                f"after {waited:.0f} s the command {'has not started' if phase == 'Pending' else 'goes on'}"
            )
        time.sleep(PAUSE)


def _pod(cluster: Cluster, job: Manifest) -> Manifest | None:
    meta = job["metadata"]
    listed: Any = cluster.request(
        "GET",
        f"/api/v1/namespaces/{meta['namespace']}/pods",
        query={"labelSelector": f"batch.kubernetes.io/job-name={meta['name']}"},
    )
    found: list[Manifest] = listed["items"]
    return found[0] if found else None


def _phase(pod: Manifest | None) -> str:
    return str((pod or {}).get("status", {}).get("phase", "Pending"))


def _is_whole(cluster: Cluster, pod: Manifest | None, opening: Opening) -> bool:
    """Reads the log once more; whether the answer's end was in it."""
    if pod is None:
        return False
    meta = pod["metadata"]
    path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/log"
    try:
        log = cluster.request("GET", path, query={"container": command.COMMAND})
    except ClusterRefused as refused:
        if refused.status in {BAD_REQUEST, NOT_FOUND}:  # not started yet
            return False
        raise
    try:
        opening.feed(str(log).splitlines())
    except WireProblem as problem:
        raise CommandProblem(str(problem)) from None
    return opening.answer.code is not None


def _state(pod: Manifest | None) -> dict[str, Any]:
    statuses = (pod or {}).get("status", {}).get("containerStatuses") or [{}]
    state: dict[str, Any] = statuses[0].get("state") or {}
    return state


def _refuse_hopeless(pod: Manifest | None) -> None:
    reason = _state(pod).get("waiting", {}).get("reason", "")
    if reason in HOPELESS:
        raise CommandProblem(f"the command's pod cannot start: {reason}")


def _reason(pod: Manifest | None) -> str:
    """As Kubernetes calls it: OOMKilled, DeadlineExceeded, Error. Messages may quote more than they should."""
    ended = _state(pod).get("terminated", {})
    told = (pod or {}).get("status", {}).get("reason") or ended.get("reason") or "its pod is gone"
    return f"{told}, exit code {ended['exitCode']}" if "exitCode" in ended else str(told)
