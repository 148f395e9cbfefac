"""Port 53 leads to kube-dns by its labels, never to addresses or to everybody."""

from collections.abc import Iterator, Sequence
from typing import Final

from policies.rules.model import Breach, Facts, Resource, each, get, must

DNS: Final = 53


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        if resource.kind != "NetworkPolicy":
            continue
        for rule in each(get(resource.object, "spec", "egress")):
            if any(get(port, "port") == DNS for port in each(get(rule, "ports"))):
                ends = list(each(get(rule, "to")))
                good = bool(ends) and all(_is_dns(end) for end in ends)
                yield from must(resource, None, good, "port 53 leads elsewhere than to kube-dns of kube-system")


def _is_dns(end: object) -> bool:
    space = get(end, "namespaceSelector", "matchLabels", "kubernetes.io/metadata.name")
    app = get(end, "podSelector", "matchLabels", "k8s-app")
    return (space, app) == ("kube-system", "kube-dns")
