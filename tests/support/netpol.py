"""A small evaluator of NetworkPolicy, written from its specification and not from our own generator.

A pod that some policy selects for a direction is closed in it, but for what the policies' rules let through.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Party:
    """A pod (namespace and labels) or an address outside."""

    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = ""


class Cluster:
    """Policies, asked who may reach whom."""

    def __init__(self, manifests: Iterable[dict[str, Any]]) -> None:
        self._policies = [one for one in manifests if one["kind"] == "NetworkPolicy"]

    def lets(self, source: Party, target: Party, port: int, protocol: str = "TCP") -> bool:
        """Both sides must agree; an address outside has no policy of its own."""
        out = source.address or self._passes(source, target, "Egress", port, protocol)
        into = target.address or self._passes(target, source, "Ingress", port, protocol)
        return bool(out and into)

    def _passes(self, own: Party, other: Party, direction: str, port: int, protocol: str) -> bool:
        chosen = [
            one["spec"]
            for one in self._policies
            if one["metadata"]["namespace"] == own.namespace
            and direction in one["spec"]["policyTypes"]
            and _selects(one["spec"]["podSelector"], own.labels)
        ]
        if not chosen:
            return True
        part, end = ("egress", "to") if direction == "Egress" else ("ingress", "from")
        rules = [rule for spec in chosen for rule in spec.get(part, [])]
        return any(_ports(rule, port, protocol) and _peers(rule.get(end), own, other) for rule in rules)


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def _ports(rule: Mapping[str, Any], port: int, protocol: str) -> bool:
    ports = rule.get("ports")
    return not ports or any(one["protocol"] == protocol and one["port"] == port for one in ports)


def _peers(peers: list[dict[str, Any]] | None, own: Party, other: Party) -> bool:
    return not peers or any(_is_peer(peer, own, other) for peer in peers)


def _is_peer(peer: Mapping[str, Any], own: Party, other: Party) -> bool:
    if "ipBlock" in peer:
        return bool(other.address) and _in_block(peer["ipBlock"], other.address)
    if other.address:
        return False
    spaces = peer.get("namespaceSelector")
    known = {"kubernetes.io/metadata.name": other.namespace}
    in_space = own.namespace == other.namespace if spaces is None else _selects(spaces, known)
    return in_space and _selects(peer.get("podSelector", {}), other.labels)


def _in_block(block: Mapping[str, Any], address: str) -> bool:
    where = ipaddress.ip_address(address)
    inside = where in ipaddress.ip_network(block["cidr"])
    return inside and not any(where in ipaddress.ip_network(one) for one in block.get("except", []))
