"""Removes a contour: the last stack first. Protected objects stay unless the administrator says that they go too."""

import time
from dataclasses import dataclass
from typing import Any, Final

from infra.clouds.choose import KINDS
from scripts.env.engine import Engine
from scripts.env.environment import Environment
from scripts.env.errors import EnvProblem
from scripts.env.live import from_state, manifest_of
from scripts.env.notary import KUBERNETES
from scripts.env.objects import named
from scripts.env.plan import STATEFUL
from scripts.env.verbs.status import ROLLED
from scripts.voice import say

PLATFORM: Final = "platform"
PATIENCE: Final = 120.0


@dataclass(frozen=True, slots=True)
class Losses:
    """What removal takes away; `data` names what holds data, and `protected` what stays without --with-data."""

    objects: list[str]
    data: list[str]
    protected: list[str]


def losses(environment: Environment) -> Losses:
    objects, data, protected = [], [], []
    for engine in environment.engines:
        for resource in [*_objects(engine), *_made(engine)]:
            name = _named(resource)
            objects.append(name)
            if resource.get("protect"):
                protected.append(name)
            if resource["type"].rsplit(":", 1)[-1] in STATEFUL or resource.get("protect"):
                data.append(name)
    return Losses(objects, data, protected)


def remove(environment: Environment, *, with_data: bool) -> dict[str, Any]:
    """Destroys the stacks, the last first.

    Without `with_data` what is protected stays in the cluster, and with it the platform: its namespaces hold them.
    """
    named = losses(environment)
    kept = [] if with_data else named.protected
    leftovers = _claims(environment) if with_data else []
    removed = 0
    for engine in reversed(environment.engines):
        if not engine.known or (kept and engine.program.stack == PLATFORM):
            continue
        objects, clusters = _objects(engine), _made(engine)
        if with_data:
            leftovers += [manifest_of(from_state(one["inputs"])) for one in objects if one.get("protect")]
        engine.unprotect()
        say(f"  {environment.contour.side}: removing {engine.program.stack} …")
        engine.destroy()
        removed += sum(not one.get("protect") or with_data for one in [*objects, *clusters])
        if clusters:
            leftovers = []  # they went with all that stood there
        for manifest in leftovers:
            environment.cluster().delete(manifest)
        _await_gone(environment, leftovers)
    return {"removed": removed, "kept": [*kept, *([f"stack {PLATFORM}"] if kept else [])]}


def _await_gone(environment: Environment, manifests: list[dict[str, Any]]) -> None:
    until = time.monotonic() + PATIENCE
    while left := [one for one in manifests if environment.cluster().read(one) is not None]:
        if time.monotonic() > until:
            names = ", ".join(f"{one['kind']} {one['metadata']['name']}" for one in left)
            raise EnvProblem(
                f"asked to go and still there: {names}", hint="a finalizer holds them; look at their events"
            )
        time.sleep(1)


def _claims(environment: Environment) -> list[dict[str, Any]]:
    """Volumes that StatefulSets made for themselves: nobody else removes them."""
    found = []
    for engine in environment.engines:
        for resource in _objects(engine):
            manifest = manifest_of(from_state(resource["inputs"]))
            if manifest["kind"] not in ROLLED or not manifest["spec"].get("volumeClaimTemplates"):
                continue
            place = manifest["metadata"]["namespace"]
            listed = environment.cluster().request("GET", f"/api/v1/namespaces/{place}/persistentvolumeclaims")
            for template in manifest["spec"]["volumeClaimTemplates"]:
                prefix = f"{template['metadata']['name']}-{manifest['metadata']['name']}-"
                found += [
                    {
                        "apiVersion": "v1",
                        "kind": "PersistentVolumeClaim",
                        "metadata": {"name": name, "namespace": place},
                    }
                    for item in listed["items"]
                    if (name := item["metadata"]["name"]).startswith(prefix)
                ]
    return found


def _objects(engine: Engine) -> list[dict[str, Any]]:
    return [one for one in engine.exported().get("resources", []) if one["type"].startswith(KUBERNETES)]


def _made(engine: Engine) -> list[dict[str, Any]]:
    """Clusters and their nodes, where an adapter made them."""
    held = engine.exported().get("resources", [])
    return [one for one in held if one["type"].rsplit(":", 1)[-1] in KINDS and not one["type"].startswith(KUBERNETES)]


def _named(resource: dict[str, Any]) -> str:
    if resource["type"].startswith(KUBERNETES):
        return named(resource["inputs"])
    return f"{resource['type'].rsplit(':', 1)[-1]} {resource['urn'].rsplit('::', 1)[-1]}"
