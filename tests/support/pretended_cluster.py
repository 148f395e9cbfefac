"""A cluster that is this process: it keeps objects, and runs a Job's command here once the Job is no longer suspended.

It speaks the part of `scripts.env.kube.Cluster` that commands inside a contour use. What it promises is held against a
real API server by the rehearsals, which run the same code.
"""

import base64
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.env.errors import ClusterRefused

ROOT = Path(__file__).resolve().parents[2]
Started = Callable[[dict[str, Any], bytes], tuple[str, int]]


@dataclass
class PretendedCluster:
    """`start` gets a Job and its request, and gives the pod's log and exit code. `waiting` keeps pods from starting."""

    start: Started
    waiting: str = ""
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: list[dict[str, Any]] = field(default_factory=list)
    pods: dict[str, dict[str, Any]] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)

    def path(self, manifest: Mapping[str, Any]) -> str:
        meta = manifest["metadata"]
        return f"{meta['namespace']}/{manifest['kind']}/{meta['name']}"

    def _stamped(self, meta: dict[str, Any]) -> dict[str, Any]:
        return {**meta, "uid": f"uid-{len(self.seen)}", "creationTimestamp": datetime.now(UTC).isoformat()}

    def apply(self, manifest: dict[str, Any], *, manager: str = "", **_: Any) -> dict[str, Any]:
        assert manager
        if manifest["kind"] == "Secret":
            owner = manifest["metadata"]["ownerReferences"][0]
            job = next(one for one in self.objects.values() if one["metadata"]["name"] == owner["name"])
            assert owner["uid"] == job["metadata"]["uid"]
            assert job["spec"]["suspend"], "the Secret has to be there before the pod is"
        live = {**manifest, "metadata": self._stamped(manifest["metadata"])}
        self.objects[self.path(manifest)] = live
        self.seen.append(live)
        return live

    def delete(self, manifest: Mapping[str, Any]) -> None:
        """With what belongs to it, as the garbage collector does."""
        gone = self.objects.pop(self.path(manifest))
        name = gone["metadata"]["name"]
        self.objects = {at: one for at, one in self.objects.items() if one["metadata"]["name"] != name}
        self.pods.pop(name, None)

    def request(self, method: str, path: str, *, body: Any = None, query: Any = None, content: str = "") -> Any:
        if method == "PATCH":
            assert content == "application/merge-patch+json"
            job = self.objects[path]
            job["spec"] |= body["spec"]
            self._run(job)
            return job
        if path.endswith("/log"):
            name = path.split("/")[-2].removesuffix("-pod")
            if self.waiting:
                raise ClusterRefused("waiting to start", status=400)
            return self.logs[name]
        if path.endswith("/Job"):
            chosen = dict([query["labelSelector"].split("=")]).items()
            jobs = [one for at, one in self.objects.items() if at.startswith(f"{path}/")]
            return {"items": [one for one in jobs if chosen <= one["metadata"]["labels"].items()]}
        name = query["labelSelector"].removeprefix("batch.kubernetes.io/job-name=")
        return {"items": [self.pods[name]] if name in self.pods else []}

    def _run(self, job: dict[str, Any]) -> None:
        name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
        meta = {"name": f"{name}-pod", "namespace": namespace}
        if self.waiting:
            state: dict[str, Any] = {"waiting": {"reason": self.waiting}}
            self.pods[name] = {
                "metadata": meta,
                "status": {"phase": "Pending", "containerStatuses": [{"state": state}]},
            }
            return
        secret = self.objects[f"{namespace}/Secret/{name}"]
        self.logs[name], code = self.start(job, base64.b64decode(secret["data"]["request"]))
        state = {"terminated": {"exitCode": code, "reason": "Completed" if code == 0 else "Error"}}
        status = {"phase": "Failed" if code else "Succeeded", "containerStatuses": [{"state": state}]}
        self.pods[name] = {"metadata": meta, "status": status}


def run_here(folder: Path, surroundings: Mapping[str, str]) -> Started:
    """The Job's own command as a process of this machine, with these settings in place of the pod's."""

    def start(job: dict[str, Any], request: bytes) -> tuple[str, int]:
        container = job["spec"]["template"]["spec"]["containers"][0]
        assert container["command"][:3] == ["python", "-m", "scripts.inside"]
        (folder / "request").write_bytes(request)
        done = subprocess.run(  # noqa: S603  this very program
            [sys.executable, "-m", "scripts.inside", str(folder / "request")],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **surroundings},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr, done.returncode

    return start
