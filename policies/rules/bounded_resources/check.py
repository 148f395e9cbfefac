"""Requests and limits of both."""

from collections.abc import Iterator, Sequence

from policies.rules.model import Breach, Facts, Resource, containers, get, must


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        for name, container, _ in containers(resource):
            for part in ("requests", "limits"):
                for what in ("cpu", "memory"):
                    value = get(container, "resources", part, what)
                    yield from must(resource, value, bool(value), f"container {name}: no {part}.{what}")
