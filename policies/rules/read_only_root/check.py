"""Nothing of the image can be changed while it runs."""

from collections.abc import Iterator, Sequence

from policies.rules.model import Breach, Facts, Resource, containers, get, must


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        for name, container, _ in containers(resource):
            flag = get(container, "securityContext", "readOnlyRootFilesystem")
            yield from must(resource, flag, flag is True, f"container {name}: readOnlyRootFilesystem is not true")
