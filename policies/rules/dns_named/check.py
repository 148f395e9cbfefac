"""Port 53 leads to kube-dns by its labels, never to addresses or to everybody."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from policies.rules.model import UNKNOWN, Breach, Facts, Resource, Unknown, all_of, any_of, each, get, must, same

DNS: Final = 53


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        if resource.kind != "NetworkPolicy":
            continue
        for rule in each(get(resource.object, "spec", "egress")):
            other = all_of([_is_other(port) for port in each(get(rule, "ports"))] or [False])
            named = all_of([_is_dns(end) for end in each(get(rule, "to"))] or [False])
            good = any_of((other, named))
            yield from must(resource, good, good is True, "port 53 leads elsewhere than to kube-dns of kube-system")


def _is_other(port: Any) -> bool | Unknown:
    """A name may stand for any port, and no number at all for every one."""
    first, last = get(port, "port"), get(port, "endPort")
    if isinstance(first, Unknown) or isinstance(last, Unknown):
        return UNKNOWN
    return isinstance(first, int) and not first <= DNS <= (last or first)


def _is_dns(end: Any) -> bool | Unknown:
    space = get(end, "namespaceSelector", "matchLabels", "kubernetes.io/metadata.name")
    app = get(end, "podSelector", "matchLabels", "k8s-app")
    return all_of((same(space, "kube-system"), same(app, "kube-dns")))
