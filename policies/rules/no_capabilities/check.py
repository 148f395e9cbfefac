"""All dropped, none added."""

from collections.abc import Iterator, Sequence

from policies.rules.model import Breach, Facts, Resource, any_of, containers, each, get, must, same


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        for name, container, _ in containers(resource):
            held = get(container, "securityContext", "capabilities")
            dropped, added = get(held, "drop"), get(held, "add")
            all_ = any_of(same(one, "ALL") for one in each(dropped))
            yield from must(resource, all_, all_ is True, f"container {name}: capabilities are not dropped")
            yield from must(resource, added, not added, f"container {name}: it adds capabilities")
