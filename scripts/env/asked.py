"""What manifests ask for, in the words of a quota: how many pods, cores, gibibytes and pieces.

An autoscaler's least number of pods is what is paid for; its largest is what a quota has to allow. A workload that is
rolled out has one pod more meanwhile, and Jobs run beside it.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, Literal

When = Literal["paid", "rolled out", "largest"]
Asked = dict[str, Decimal]

PODS: Final = "pods"
CPU: Final = "requests.cpu"
MEMORY: Final = "requests.memory"
STORAGE: Final = "requests.storage"
BALANCERS: Final = "services.loadbalancers"
_OF_PODS: Final = (CPU, MEMORY, "limits.cpu", "limits.memory")
LINES: Final = (PODS, *_OF_PODS, STORAGE, "persistentvolumeclaims", BALANCERS)
_SPELT: Final = {"cpu": CPU, "memory": MEMORY}  # a quota and a node may say it shorter
_SIZES: Final = {"Ki": Decimal(1) / 1024**2, "Mi": Decimal(1) / 1024, "Gi": Decimal(1), "Ti": Decimal(1024)}
_PREFIXES: Final = {"m": Decimal("0.001"), "k": Decimal(1000), "": Decimal(1)}
_QUANTITY: Final = re.compile(r"(\d+(?:\.\d+)?)([a-zA-Z]*)")


def asked_for(objects: Iterable[Mapping[str, Any]], when: When = "paid") -> Asked:
    known = list(objects)
    scaled = {
        (one["metadata"].get("namespace"), one["spec"]["scaleTargetRef"]["name"]): one["spec"]
        for one in known
        if one["kind"] == "HorizontalPodAutoscaler"
    }
    asked = dict.fromkeys(LINES, Decimal(0))
    for manifest in known:
        meta = manifest["metadata"]
        _count(manifest, scaled.get((meta.get("namespace"), meta["name"]), {}), when, asked)
    return asked


def given_by(nodes_or_quotas: Iterable[Mapping[str, Any]]) -> Asked:
    """What nodes have or quotas allow; a line that they say nothing of is not there."""
    given: Asked = {}
    for one in nodes_or_quotas:
        said = one.get("status", {}).get("allocatable") or one.get("spec", {}).get("hard", {})
        for name, text in said.items():
            line = _SPELT.get(name, name)
            if line in LINES:
                given[line] = given.get(line, Decimal(0)) + quantity(line, str(text))
    return given


def claimed_classes(objects: Iterable[Mapping[str, Any]]) -> set[str]:
    """Storage classes that volumes are asked of; empty for the default one."""
    found = set()
    for manifest in objects:
        spec = manifest.get("spec") or {}
        if manifest["kind"] == "PersistentVolumeClaim":
            found.add(spec.get("storageClassName", ""))
        found |= {claim["spec"].get("storageClassName", "") for claim in spec.get("volumeClaimTemplates", [])}
        if _is_cluster(manifest):
            found.add(spec["storage"].get("storageClass", ""))
    return found


def quantity(line: str, text: str) -> Decimal:
    """Cores, gibibytes or pieces; nought for what is no quantity."""
    found = _QUANTITY.fullmatch(text)
    if not found:
        return Decimal(0)
    number, unit = Decimal(found[1]), found[2]
    if line.endswith((".memory", ".storage")):
        return number * _SIZES[unit] if unit in _SIZES else number * _PREFIXES.get(unit, Decimal(1)) / 1024**3
    return number * _PREFIXES.get(unit, Decimal(1))


def _count(manifest: Mapping[str, Any], scaled: Mapping[str, Any], when: When, asked: Asked) -> None:
    spec = manifest.get("spec") or {}
    kind = manifest["kind"]
    if kind == "Deployment":
        number = int(scaled.get("maxReplicas" if when == "largest" else "minReplicas", spec.get("replicas", 1)))
        _pods(spec["template"]["spec"], number + (when != "paid"), asked)
    elif kind == "StatefulSet":
        number = int(spec.get("replicas", 1))
        _pods(spec["template"]["spec"], number, asked)
        for claim in spec.get("volumeClaimTemplates", []):
            _volumes(_claimed(claim["spec"]), number, asked)
    elif kind == "Job" and when != "paid":
        _pods(spec["template"]["spec"], 1, asked)
    elif kind == "PersistentVolumeClaim":
        _volumes(_claimed(spec), 1, asked)
    elif _is_cluster(manifest):
        number = int(spec["instances"])
        _pods({"containers": [{"resources": spec["resources"]}]}, number, asked)
        _volumes(quantity(STORAGE, str(spec["storage"]["size"])), number, asked)
    elif kind == "Service" and spec.get("type") == "LoadBalancer":
        asked[BALANCERS] += 1


def _pods(pod: Mapping[str, Any], number: int, asked: Asked) -> None:
    """A pod asks for the sum of its containers, or for the largest of those that run before them."""
    asked[PODS] += number
    for line in _OF_PODS:
        together = sum((_of(container, line) for container in pod["containers"]), Decimal(0))
        before = max((_of(container, line) for container in pod.get("initContainers", [])), default=Decimal(0))
        asked[line] += number * max(together, before)


def _of(container: Mapping[str, Any], line: str) -> Decimal:
    part, _, name = line.partition(".")
    return quantity(line, str(container.get("resources", {}).get(part, {}).get(name, "0")))


def _volumes(size: Decimal, number: int, asked: Asked) -> None:
    asked[STORAGE] += number * size
    asked["persistentvolumeclaims"] += number


def _claimed(spec: Mapping[str, Any]) -> Decimal:
    return quantity(STORAGE, str(spec.get("resources", {}).get("requests", {}).get("storage", "0")))


def _is_cluster(manifest: Mapping[str, Any]) -> bool:
    return manifest["kind"] == "Cluster" and "cnpg.io" in str(manifest.get("apiVersion"))
