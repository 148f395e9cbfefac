"""Pods and accounts say that they want no token."""

from collections.abc import Iterator, Sequence

from policies.rules.model import Breach, Facts, Resource, get, must, pod_of


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        pod = resource.object if resource.kind == "ServiceAccount" else pod_of(resource)
        if pod is not None:
            flag = get(pod, "automountServiceAccountToken")
            yield from must(resource, flag, flag is False, "automountServiceAccountToken is not false")
