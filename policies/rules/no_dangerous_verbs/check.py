"""Nobody gets a shell, secrets, or rights that lead to more rights."""

from collections.abc import Iterator, Sequence
from typing import Final

from policies.rules.model import Breach, Facts, Resource, each, get, must

TAKING: Final = frozenset({"impersonate", "bind", "escalate"})
CLOSED: Final = frozenset(
    {
        "secrets",
        "pods/exec",
        "pods/attach",
        "pods/portforward",
        "pods/ephemeralcontainers",
        "serviceaccounts/token",
        "nodes/proxy",
    }
)


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        if resource.kind not in {"Role", "ClusterRole"}:
            continue
        for rule in each(get(resource.object, "rules")):
            verbs, kinds = get(rule, "verbs"), get(rule, "resources")
            taken = sorted(TAKING.intersection(each(verbs)))
            yield from must(resource, verbs, not taken, f"it may {', '.join(taken)}")
            reached = sorted(CLOSED.intersection(each(kinds)))
            yield from must(resource, kinds, not reached, f"it reaches {', '.join(reached)}")
