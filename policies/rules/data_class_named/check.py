"""Workloads, Services and Namespaces carry the class; the public contour has no class of persons."""

from collections.abc import Iterator, Sequence
from typing import Final

from policies.rules.model import Breach, Facts, Resource, get, must

CLASSES: Final = frozenset({"personal", "tokens", "keys", "none"})
KINDS: Final = frozenset({"Namespace", "Deployment", "StatefulSet", "Job", "Service", "PersistentVolumeClaim"})


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    allowed = CLASSES if facts.contour == "private" else frozenset({"tokens", "none"})
    for resource in resources:
        if resource.kind in KINDS:
            said = get(resource.object, "metadata", "labels", "data-class")
            yield from must(
                resource,
                said,
                isinstance(said, str) and said in allowed,
                f"data-class is none of {', '.join(sorted(allowed))}",
            )
