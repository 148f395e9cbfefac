"""For each Namespace, a policy that selects all its pods and allows nothing."""

from collections.abc import Iterator, Sequence

from policies.rules.model import Breach, Facts, Resource, each, get, must


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    if not facts.whole:
        return
    closed = {resource.namespace for resource in resources if resource.kind == "NetworkPolicy" and _denies(resource)}
    for resource in resources:
        if resource.kind == "Namespace":
            name = get(resource.object, "metadata", "name")
            yield from must(resource, name, name in closed, "no policy denies by default in this namespace")


def _denies(policy: Resource) -> bool:
    spec = get(policy.object, "spec")
    both = set(each(get(spec, "policyTypes"))) == {"Ingress", "Egress"}
    return both and not any(get(spec, part) for part in ("podSelector", "ingress", "egress"))
