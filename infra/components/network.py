"""Network policies that open the intended paths and no others, made from `infra.paths`."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.components.objects import Component, Manifest, Place, metadata
from infra.lib.labels import NAMESPACE_NAME, labels
from infra.lib.names import NAMESPACES, Contour
from infra.paths import METADATA, End, Networks, Path, Pods


@dataclass(frozen=True, slots=True)
class NetworkArgs:
    paths: tuple[Path, ...]


class Network(Component):
    """One policy per kind of pod: what may come to it, where it may go."""

    def __init__(self, args: NetworkArgs, place: Place, *, after: Iterable[pulumi.Resource] = ()) -> None:
        super().__init__("Network", "network", place, after=list(after))
        for manifest in policies(args.paths, place.contour):
            self.add(manifest)
        self.register_outputs({})


def policies(paths: Iterable[Path], contour: Contour) -> list[Manifest]:
    """The policies of a contour's own namespaces."""
    inside = NAMESPACES[contour]
    into: dict[Pods, list[Path]] = defaultdict(list)
    out: dict[Pods, list[Path]] = defaultdict(list)
    for path in paths:
        for end, found in ((path.target, into), (path.source, out)):
            if isinstance(end, Pods) and end.namespace in inside:
                found[end].append(path)
    return [_policy(end, into[end], out[end], contour) for end in sorted({*into, *out}, key=str)]


def _policy(end: Pods, into: list[Path], out: list[Path], contour: Contour) -> Manifest:
    name = end.labels[0][1]
    own = labels(name, contour=contour, data_class=NAMESPACES[contour][end.namespace], component="network")
    told = "; ".join(sorted({path.name for path in (*into, *out)}))
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(f"allow-{name}", end.namespace, own, annotations={"larets/paths": told}),
        "spec": {
            "podSelector": {"matchLabels": dict(end.labels)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": _peers(path.source), "ports": _ports(path)} for path in into],
            "egress": [{"to": _peers(path.target), "ports": _ports(path)} for path in out],
        },
    }


def _peers(end: End) -> list[dict[str, Any]]:
    if isinstance(end, Networks):
        return [{"ipBlock": _block(network)} for network in end.networks]
    peer: dict[str, Any] = {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: end.namespace}}}
    if end.labels:
        peer["podSelector"] = {"matchLabels": dict(end.labels)}
    return [peer]


def _block(network: str) -> dict[str, Any]:
    excepted = METADATA.get(network)
    return {"cidr": network, "except": list(excepted)} if excepted else {"cidr": network}


def _ports(path: Path) -> list[dict[str, Any]]:
    return [{"protocol": protocol, "port": port} for port in path.ports for protocol in path.protocols]
