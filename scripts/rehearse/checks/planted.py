"""What is planted in a contour: changes of our own fields, additions, foreign objects, a healthy cluster's notes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from scripts.env.foreign import APPS, NET, RBAC
from scripts.env.kube import Manifest

MERGE: Final = "application/merge-patch+json"
JSON: Final = "application/json-patch+json"


@dataclass(frozen=True, slots=True)
class Planted:
    """`patch` None removes the object. `told` is a part of the path by which the drift must be found."""

    what: str
    api: str
    kind: str
    namespace: str
    name: str
    patch: Any
    told: str
    content: str = MERGE
    part: str = ""  # a subresource

    @property
    def manifest(self) -> Manifest:
        place = {"namespace": self.namespace} if self.namespace else {}
        return {"apiVersion": self.api, "kind": self.kind, "metadata": {"name": self.name, **place}}


def _container(path: str, value: Any) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": f"/spec/template/spec/containers/0/{path}", "value": value}]


FIRST: Final = "the first value"  # of a ConfigMap: whatever its key is called
CORE: Final = "v1"
FREE: Final = "registry.rehearsal.internal/larets/vault@sha256:" + "e" * 64
TEN: Final = (
    Planted("image", APPS, "Deployment", "vault", "vault-worker", _container("image", FREE), ".image", JSON),
    Planted(
        "environment of a process",
        *(APPS, "Deployment", "vault", "vault"),
        [{"op": "replace", "path": "/spec/template/spec/containers/0/env/0/value", "value": "slipped"}],
        ".env[",
        JSON,
    ),
    Planted(
        "limits", APPS, "StatefulSet", "data", "postgres", _container("resources/limits/memory", "5Gi"), "limits", JSON
    ),
    Planted(
        "security context",
        *(APPS, "Deployment", "edge", "edge"),
        _container("securityContext/readOnlyRootFilesystem", False),
        "readOnlyRootFilesystem",
        JSON,
    ),
    Planted(
        "network policy", NET, "NetworkPolicy", "data", "default-deny", {"spec": {"ingress": [{}]}}, "spec.ingress"
    ),
    Planted(
        "Pod Security label",
        *(CORE, "Namespace", "", "vault"),
        {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}},
        "pod-security.kubernetes.io/enforce",
    ),
    Planted(
        "right",
        *(RBAC, "ClusterRole", "", "larets-operator"),
        [{"op": "add", "path": "/rules/0/resources/-", "value": "secrets"}],
        "rules",
        JSON,
    ),
    Planted(
        "quota", CORE, "ResourceQuota", "vault", "bounds", {"spec": {"hard": {"services.loadbalancers": "5"}}}, "hard"
    ),
    Planted("configuration", CORE, "ConfigMap", "edge", "edge", FIRST, "data"),
    Planted("secret", CORE, "Secret", "vault", "runtime", None, ""),
)


def _add(path: str, value: Any) -> list[dict[str, Any]]:
    return [{"op": "add", "path": path, "value": value}]


POD: Final = "/spec/template/spec"
MORE: Final = {"image": FREE, "securityContext": {"allowPrivilegeEscalation": False}}
ADDED: Final = (
    Planted(
        "container beside",
        *(APPS, "Deployment", "vault", "vault"),
        _add(f"{POD}/containers/-", {"name": "beside", **MORE}),
        ".containers[beside]",
        JSON,
    ),
    Planted(
        "first container",
        *(APPS, "Deployment", "edge", "edge"),
        _add(f"{POD}/initContainers", [{"name": "before", **MORE}]),
        ".initContainers",
        JSON,
    ),
    Planted(
        "variable of a process",
        *(APPS, "Deployment", "vault", "vault-worker"),
        _add(f"{POD}/containers/0/env/-", {"name": "PYTHONPATH", "value": "/tmp"}),  # noqa: S108  planted, never run
        ".env[PYTHONPATH]",
        JSON,
    ),
    Planted(
        "name of a host",
        *(APPS, "StatefulSet", "data", "postgres"),
        _add(f"{POD}/hostAliases", [{"ip": "203.0.113.66", "hostnames": ["elsewhere.larets.test"]}]),
        ".hostAliases",
        JSON,
    ),
    Planted(
        "port", CORE, "Service", "edge", "edge", _add("/spec/ports/-", {"name": "more", "port": 9999}), "[more]", JSON
    ),
    Planted("key of a configuration", CORE, "ConfigMap", "edge", "edge", {"data": {"more": "slipped"}}, "data.more"),
    Planted("key of a secret", CORE, "Secret", "vault", "runtime", {"data": {"more": "c2xpcHBlZA=="}}, "data.more"),
    Planted(
        "condition that switches an admission policy off",
        *("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "", "larets-images"),
        {"spec": {"matchConditions": [{"name": "never", "expression": "false"}]}},
        "matchConditions",
    ),
    Planted(
        "label of a namespace",
        *(CORE, "Namespace", "", "vault"),
        {"metadata": {"labels": {"istio-injection": "enabled"}}},
        "istio-injection",
    ),
    Planted(
        "annotation of an account",
        *(CORE, "ServiceAccount", "vault", "vault"),
        {"metadata": {"annotations": {"cloud.larets.test/role": "root"}}},
        "cloud.larets.test/role",
    ),
)
_ROLE: Final = {"apiGroup": RBAC.partition("/")[0], "kind": "ClusterRole", "name": "edit"}
_SUBJECT: Final = {"kind": "ServiceAccount", "name": "vault", "namespace": "vault"}


def _foreign(api: str, kind: str, namespace: str, **content: Any) -> Manifest:
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "hole", **place}, **content}


# Nothing of ours is changed by them, and no `apply` knows them.
FOREIGN: Final = (
    _foreign(NET, "NetworkPolicy", "data", spec={"podSelector": {}, "ingress": [{}], "policyTypes": ["Ingress"]}),
    _foreign(RBAC, "RoleBinding", "vault", roleRef=_ROLE, subjects=[_SUBJECT]),
    _foreign(RBAC, "ClusterRoleBinding", "", roleRef=_ROLE, subjects=[_SUBJECT]),
)

_NOTES: Final[Mapping[str, str]] = {
    "cert-manager.io/issuer-name": "larets",
    "reconcile.external-secrets.io/data-hash": "0",
}
# What controllers do to our objects day by day: none of it is drift.
HEALTHY: Final = (
    Planted("autoscaler", APPS, "Deployment", "edge", "edge", {"spec": {"replicas": 3}}, "", part="scale"),
    Planted(
        "rollout",
        *(APPS, "Deployment", "vault", "vault-worker"),
        {
            "spec": {
                "template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}}}
            }
        },
        "",
    ),
    Planted("notes of operators", CORE, "Secret", "vault", "runtime", {"metadata": {"annotations": _NOTES}}, ""),
    Planted("tokens of accounts", CORE, "ServiceAccount", "vault", "vault", {"secrets": [{"name": "token-0"}]}, ""),
    Planted(
        "finalizer",
        *(CORE, "Service", "edge", "edge"),
        {"metadata": {"finalizers": ["service.kubernetes.io/load-balancer-cleanup"]}},
        "",
    ),
    Planted(
        "state of a balancer",
        *(CORE, "Service", "edge", "edge"),
        {
            "status": {
                "conditions": [
                    {
                        "type": "Balanced",
                        "status": "True",
                        "reason": "Done",
                        "message": "",
                        "lastTransitionTime": "2026-01-01T00:00:00Z",
                    }
                ]
            }
        },
        "",
        part="status",
    ),
)
