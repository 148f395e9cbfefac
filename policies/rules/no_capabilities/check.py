"""All dropped, none added."""

from collections.abc import Iterator, Sequence

from policies.rules.model import Breach, Facts, Resource, containers, each, get, must


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        for name, container, _ in containers(resource):
            held = get(container, "securityContext", "capabilities")
            dropped, added = get(held, "drop"), get(held, "add")
            yield from must(
                resource, dropped, "ALL" in list(each(dropped)), f"container {name}: capabilities are not dropped"
            )
            yield from must(resource, added, not added, f"container {name}: it adds capabilities")
