"""No namespace, path or port of the node."""

from collections.abc import Iterator, Sequence

from policies.rules.model import Breach, Facts, Resource, containers, each, get, must, pod_of


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        pod = pod_of(resource)
        for part in ("hostNetwork", "hostPID", "hostIPC"):
            shared = get(pod, part)
            yield from must(resource, shared, not shared, f"{part} is set")
        for volume in each(get(pod, "volumes")):
            path = get(volume, "hostPath")
            yield from must(resource, path, path is None, "a volume is a folder of the node (hostPath)")
        for name, container, _ in containers(resource):
            for port in each(get(container, "ports")):
                opened = get(port, "hostPort")
                yield from must(resource, opened, not opened, f"container {name}: a port of the node (hostPort)")
