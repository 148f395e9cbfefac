"""Containers of Deployments and StatefulSets that listen are asked whether they are ready and alive."""

from collections.abc import Iterator, Sequence

from policies.rules.model import Breach, Facts, Resource, each, get, must, pod_of


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        if resource.kind not in {"Deployment", "StatefulSet"}:
            continue
        for container in each(get(pod_of(resource), "containers")):
            if not get(container, "ports"):
                continue
            for part in ("readinessProbe", "livenessProbe"):
                asked = get(container, part)
                yield from must(resource, asked, asked is not None, f"container {get(container, 'name')}: no {part}")
