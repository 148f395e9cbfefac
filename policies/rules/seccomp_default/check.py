"""The runtime's own filter, or a local one."""

from collections.abc import Iterator, Sequence

from policies.rules.model import Breach, Facts, Resource, containers, either, get, must


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        for name, container, pod in containers(resource):
            kind = get(either(container, pod, "seccompProfile"), "type")
            good = kind in ("RuntimeDefault", "Localhost")
            yield from must(resource, kind, good, f"container {name}: seccompProfile is not RuntimeDefault")
