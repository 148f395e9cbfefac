"""Where an autoscaler sets the number, the manifest does not."""

from collections.abc import Iterator, Sequence

from policies.rules.model import Breach, Facts, Resource, get, must


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    scaled = set()
    for resource in resources:
        if resource.kind == "HorizontalPodAutoscaler":
            target = get(resource.object, "spec", "scaleTargetRef")
            scaled.add((get(target, "kind"), resource.namespace, get(target, "name")))
    for resource in resources:
        if (resource.kind, resource.namespace, get(resource.object, "metadata", "name")) in scaled:
            number = get(resource.object, "spec", "replicas")
            yield from must(resource, number, number is None, "spec.replicas is set beside an autoscaler")
