"""How many pods each workload is to have, as the state has it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from scripts.env.environment import Environment
from scripts.env.kube import Manifest
from scripts.env.live import from_state, manifest_of
from scripts.env.notary import KUBERNETES

SIZED: Final = frozenset({"Deployment", "StatefulSet"})


def manifests(environment: Environment) -> Iterator[Manifest]:
    """Every object of the contour's stacks. Secrets are in clear: never print one."""
    for engine in environment.engines:
        for resource in engine.exported().get("resources", []):
            if resource["type"].startswith(KUBERNETES):
                yield manifest_of(from_state(resource["inputs"]))


def sizes(found: Iterable[Manifest]) -> dict[str, int]:
    """By `Deployment vault/vault`. Where an autoscaler owns the number, it is the least that one allows."""
    plain: dict[str, int] = {}
    scaled: dict[str, int] = {}
    for one in found:
        if one["kind"] in SIZED:
            plain[spelt(one)] = one["spec"].get("replicas", 1)
        elif one["kind"] == "HorizontalPodAutoscaler":
            target = one["spec"]["scaleTargetRef"]
            scaled[f"{target['kind']} {one['metadata'].get('namespace')}/{target['name']}"] = one["spec"]["minReplicas"]
    return plain | scaled


def spelt(manifest: Mapping[str, Any]) -> str:
    meta = manifest["metadata"]
    return f"{manifest['kind']} {meta.get('namespace')}/{meta['name']}"
