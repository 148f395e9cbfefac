"""Where an autoscaler sets the number, the manifest does not."""

from collections.abc import Iterator, Sequence
from typing import Any

from policies.rules.model import Breach, Facts, Resource, all_of, any_of, get, must, same


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    scaled = []
    for resource in resources:
        if resource.kind == "HorizontalPodAutoscaler":
            target = get(resource.object, "spec", "scaleTargetRef")
            scaled.append((get(target, "kind"), _place(resource), get(target, "name")))
    for resource in resources:
        number = get(resource.object, "spec", "replicas")
        own = (resource.kind, _place(resource), get(resource.object, "metadata", "name"))
        both = number is not None and any_of(all_of(map(same, own, one)) for one in scaled)
        yield from must(
            resource, number if both is True else both, both is False, "spec.replicas is set beside an autoscaler"
        )


def _place(resource: Resource) -> Any:
    return get(resource.object, "metadata", "namespace") or ""
