"""For each Namespace, a policy that selects all its pods and allows nothing."""

from collections.abc import Iterator, Sequence

from policies.rules.model import (
    UNKNOWN,
    Breach,
    Facts,
    Resource,
    Unknown,
    all_of,
    any_of,
    each,
    get,
    must,
    none_of,
    same,
)


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    if not facts.whole:
        return
    closing = [
        (get(resource.object, "metadata", "namespace"), _denies(resource))
        for resource in resources
        if resource.kind == "NetworkPolicy"
    ]
    for resource in resources:
        if resource.kind == "Namespace":
            name = get(resource.object, "metadata", "name")
            closed = any_of(all_of((same(place, name), denies)) for place, denies in closing)
            yield from must(resource, closed, closed is True, "no policy denies by default in this namespace")


def _denies(policy: Resource) -> bool | Unknown:
    spec = get(policy.object, "spec")
    types = list(each(get(spec, "policyTypes")))
    both = UNKNOWN if UNKNOWN in types else set(types) == {"Ingress", "Egress"}
    parts = [get(spec, part) for part in ("podSelector", "ingress", "egress")]
    return all_of((both, none_of(part if isinstance(part, Unknown) else bool(part) for part in parts)))
