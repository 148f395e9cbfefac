"""A namespace that lets nothing in or out, bounds what it uses, and holds pods to Pod Security *restricted*."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.components.objects import Component, Manifest, Place, metadata
from infra.lib import demand
from infra.lib.labels import labels
from infra.lib.names import DataClass


@dataclass(frozen=True, slots=True)
class NamespaceArgs:
    """`pod_security` is pinned: a cluster's upgrade must not change what is allowed."""

    name: str
    data_class: DataClass
    pod_security: str
    pods: int = demand.PODS
    cpu: str = str(demand.CPU)
    memory: str = demand.MEMORY
    storage: str = demand.STORAGE
    load_balancers: int = 0


class Namespace(Component):
    """The namespace with quota, limits and its default-deny."""

    def __init__(self, args: NamespaceArgs, place: Place, *, after: Sequence[pulumi.Resource] = ()) -> None:
        super().__init__("Namespace", args.name, place, after=after)
        own = labels(args.name, contour=place.contour, data_class=args.data_class)
        self.namespace = self.add(_namespace(args, own))
        self._after = [self.namespace]
        for manifest in (_quota(args, own), _limits(args, own), _deny(args, own), _service_account(args, own)):
            self.add(manifest)
        self.register_outputs({})


def _namespace(args: NamespaceArgs, own: dict[str, str]) -> Manifest:
    levels = {
        f"pod-security.kubernetes.io/{mode}{part}": value
        for mode in ("enforce", "audit", "warn")
        for part, value in (("", "restricted"), ("-version", f"v{args.pod_security}"))
    }
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata(args.name, None, own | levels)}


def _quota(args: NamespaceArgs, own: dict[str, str]) -> Manifest:
    hard: dict[str, Any] = {
        "pods": str(args.pods),
        "limits.cpu": args.cpu,
        "limits.memory": args.memory,
        "requests.cpu": args.cpu,
        "requests.memory": args.memory,
        "requests.storage": args.storage,
        "services.nodeports": "0",
        "services.loadbalancers": str(args.load_balancers),
    }
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": metadata("bounds", args.name, own),
        "spec": {"hard": hard},
    }


def _limits(args: NamespaceArgs, own: dict[str, str]) -> Manifest:
    """For containers that others put here: ours say what they need themselves."""
    limit = {
        "type": "Container",
        "default": {"cpu": "500m", "memory": "256Mi"},
        "defaultRequest": {"cpu": "50m", "memory": "64Mi"},
    }
    return {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": metadata("defaults", args.name, own),
        "spec": {"limits": [limit]},
    }


def _deny(args: NamespaceArgs, own: dict[str, str]) -> Manifest:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata("default-deny", args.name, own),
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    }


def _service_account(args: NamespaceArgs, own: dict[str, str]) -> Manifest:
    """The account every namespace has anyway: without a token, whoever forgets to say so."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata("default", args.name, own),
        "automountServiceAccountToken": False,
    }
