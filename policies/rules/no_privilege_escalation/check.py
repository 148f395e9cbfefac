"""No setuid, no privileged container, no more of /proc than a container is given."""

from collections.abc import Iterator, Sequence

from policies.rules.model import Breach, Facts, Resource, containers, get, must


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        for name, container, _ in containers(resource):
            own = get(container, "securityContext")
            gains = get(own, "allowPrivilegeEscalation")
            yield from must(resource, gains, gains is False, f"container {name}: allowPrivilegeEscalation is not false")
            rules = get(own, "privileged")
            yield from must(resource, rules, not rules, f"container {name}: it is privileged")
            proc = get(own, "procMount")
            yield from must(resource, proc, proc in (None, "Default"), f"container {name}: /proc is not masked")
