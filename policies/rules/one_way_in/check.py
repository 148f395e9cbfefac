"""No NodePort, external address or ExternalName; one LoadBalancer, in namespace edge."""

from collections.abc import Iterator, Sequence

from policies.rules.model import Breach, Facts, Outcome, Resource, get, must


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    outside = []
    for resource in resources:
        if resource.kind != "Service":
            continue
        kind = get(resource.object, "spec", "type")
        good = kind in (None, "ClusterIP", "LoadBalancer")
        yield from must(resource, kind, good, "a Service of this type is a way in or out of its own")
        added = get(resource.object, "spec", "externalIPs")
        yield from must(resource, added, not added, "it takes external addresses")
        if kind == "LoadBalancer":
            outside.append(resource)
            place = get(resource.object, "metadata", "namespace")
            yield from must(resource, place, place == "edge", "a LoadBalancer outside namespace edge")
    for resource in outside[1:]:
        yield Breach(str(resource), Outcome.FAIL, "a second LoadBalancer: there is one way in")
