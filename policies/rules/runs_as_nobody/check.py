"""A user and a group of its own, neither of them root's."""

from collections.abc import Iterator, Sequence

from policies.rules.model import Breach, Facts, Resource, containers, either, must


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        for name, container, pod in containers(resource):
            flag = either(container, pod, "runAsNonRoot")
            yield from must(resource, flag, flag is True, f"container {name}: runAsNonRoot is not true")
            for part in ("runAsUser", "runAsGroup"):
                number = either(container, pod, part)
                good = isinstance(number, int) and number > 0
                yield from must(resource, number, good, f"container {name}: {part} is not set above 0")
