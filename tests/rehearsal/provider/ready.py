"""When is an applied object ready? As the genuine provider: what rolls out is waited for, the rest is ready at once."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from scripts.env.kube import Cluster, Manifest

SKIP: Final = "pulumi.com/skipAwait"
EVERY: Final = 0.25
PATIENCE: Final = 180.0


class NotReady(Exception):
    """The object was applied and did not become ready in time."""


def _rolled_out(live: Mapping[str, Any]) -> bool:
    status, spec = live.get("status", {}), live.get("spec", {})
    wanted = spec.get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= live["metadata"].get("generation", 0)
    ready = status.get("availableReplicas", status.get("readyReplicas", 0)) >= wanted
    # Whose pods a person replaces one by one is ready with older ones: nothing else would ever end the waiting.
    by_hand = spec.get("updateStrategy", {}).get("type") == "OnDelete"
    return bool(seen and ready and (by_hand or status.get("updatedReplicas", 0) >= wanted))


def _finished(live: Mapping[str, Any]) -> bool:
    conditions = {item["type"]: item["status"] for item in live.get("status", {}).get("conditions", [])}
    if conditions.get("Failed") == "True":
        raise NotReady(f"the job {live['metadata']['name']} failed")
    return conditions.get("Complete") == "True"


def _active(live: Mapping[str, Any]) -> bool:
    return bool(live.get("status", {}).get("phase") == "Active")


READY: Final[dict[str, Callable[[Mapping[str, Any]], bool]]] = {
    "Deployment": _rolled_out,
    "StatefulSet": _rolled_out,
    "Job": _finished,
    "Namespace": _active,
}


def wait_ready(cluster: Cluster, applied: Manifest, *, patience: float) -> Manifest:
    """The live object once it is ready.

    Raises:
        NotReady: it did not become ready in time, or never will.
    """
    check = READY.get(applied["kind"])
    annotations = applied["metadata"].get("annotations") or {}
    if check is None or annotations.get(SKIP) == "true":
        return applied
    until = time.monotonic() + (patience or PATIENCE)
    live: Manifest | None = applied
    while live is not None and not check(live):
        if time.monotonic() > until:
            raise NotReady(f"{applied['kind']} {applied['metadata']['name']} did not become ready in time")
        time.sleep(EVERY)
        live = cluster.read(applied)
    if live is None:
        raise NotReady(f"{applied['kind']} {applied['metadata']['name']} was removed by somebody meanwhile")
    return live


def wait_gone(cluster: Cluster, manifest: Manifest, uid: str, *, patience: float) -> None:
    """Some objects are made anew at once by their controller: what counts is that this one is gone.

    Raises:
        NotReady: it is still there after the time.
    """
    until = time.monotonic() + (patience or PATIENCE)
    while (live := cluster.read(manifest)) is not None and live["metadata"]["uid"] == uid:
        if time.monotonic() > until:
            raise NotReady(f"{manifest['kind']} {manifest['metadata']['name']} is still there; a finalizer holds it?")
        time.sleep(EVERY)
