"""Rights of people at the API server. Nobody reads a Secret, opens a shell, or takes another's rights.

Operators see workloads and restart them by deleting pods: who may change a workload sets its command to one that prints
its secrets, and reads the log. Officers see what is in force. The deployment itself runs under the account whose
kubeconfig the settings name, and that is nobody's daily account.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from infra.components.objects import Component, Manifest, Place, metadata
from infra.lib.labels import labels
from infra.lib.names import Contour

_SEE: Final = ["get", "list", "watch"]
_RULES: Final[dict[str, list[dict[str, Any]]]] = {
    "operator": [
        {
            "apiGroups": [""],
            "resources": [
                "pods", "pods/log", "services", "endpoints", "events", "persistentvolumeclaims", "resourcequotas",
                "limitranges", "serviceaccounts", "configmaps",
            ],
            "verbs": _SEE,
        },
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["delete"]},
        {"apiGroups": ["apps"], "resources": ["deployments", "statefulsets", "replicasets"], "verbs": _SEE},
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": _SEE},
        {"apiGroups": ["policy"], "resources": ["poddisruptionbudgets"], "verbs": _SEE},
        {"apiGroups": ["autoscaling"], "resources": ["horizontalpodautoscalers"], "verbs": _SEE},
        {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": _SEE},
    ],
    "officer": [
        {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": _SEE},
        {
            "apiGroups": ["admissionregistration.k8s.io"],
            "resources": ["validatingadmissionpolicies", "validatingadmissionpolicybindings"],
            "verbs": _SEE,
        },
        {
            "apiGroups": ["rbac.authorization.k8s.io"],
            "resources": ["roles", "rolebindings", "clusterroles", "clusterrolebindings"],
            "verbs": _SEE,
        },
        {"apiGroups": [""], "resources": ["namespaces", "services", "pods", "resourcequotas"], "verbs": _SEE},
        {"apiGroups": ["apps"], "resources": ["deployments", "statefulsets"], "verbs": _SEE},
    ],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AccessArgs:
    """Groups as the cluster's authenticator names them."""

    operators: tuple[str, ...]
    officers: tuple[str, ...]
    namespaces: tuple[str, ...]


class Access(Component):
    """The two roles, bound to their groups: operators per namespace, officers to the whole cluster, reading only."""

    def __init__(self, args: AccessArgs, place: Place, *, after: Sequence[Any] = ()) -> None:
        super().__init__("Access", "access", place, after=after)
        for manifest in manifests(args, place.contour):
            self.add(manifest)
        self.register_outputs({})


def manifests(args: AccessArgs, contour: Contour) -> list[Manifest]:
    own = labels("access", contour=contour, data_class="none")
    found = [_role(name, own) for name in _RULES]
    if args.officers:
        found.append(_bind("ClusterRoleBinding", None, "officer", args.officers, own))
    if args.operators:
        found += [_bind("RoleBinding", namespace, "operator", args.operators, own) for namespace in args.namespaces]
    return found


def _role(name: str, own: dict[str, str]) -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": metadata(f"larets-{name}", None, own),
        "rules": _RULES[name],
    }


def _bind(kind: str, namespace: str | None, role: str, groups: tuple[str, ...], own: dict[str, str]) -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": metadata(f"larets-{role}s", namespace, own),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"larets-{role}"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group} for group in groups],
    }
