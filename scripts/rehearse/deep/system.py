"""What a cluster brings along before the stacks come: resolver, volumes, rights of the node's programs."""

from pathlib import Path
from typing import Any, Final

from scripts.env.place import Side
from scripts.rehearse.deep.addresses import KEY_SERVICE, RELAY, RESOLVER
from scripts.rehearse.deep.static_image import USER

DNS_IMAGE: Final = "localhost/coredns:1"
STORAGE_CLASS: Final = "local"
VOLUMES: Final = 4
# The only names outside that a pod can look up; the other contour's host stands in the pods themselves.
OUTSIDE: Final = {"keys.larets.test": KEY_SERVICE, "sms.larets.test": RELAY}
_LABELS: Final = {"k8s-app": "kube-dns"}
_RIGHTS: Final = "rbac.authorization.k8s.io"
_NAMES: Final = "\n".join(f"    {address} {host}" for host, address in OUTSIDE.items())
COREFILE: Final = f"""\
.:53 {{
  errors
  health :8080
  ready :8181
  kubernetes cluster.local in-addr.arpa
  hosts {{
{_NAMES}
    fallthrough
  }}
  cache 10
}}
"""


def manifests(side: Side, volumes: Path) -> list[dict[str, Any]]:
    """In the order in which they can be applied. Each volume is a folder below `volumes`, which has to be there."""
    return [*_resolver(), *_rights(), _storage_class(), *(_volume(side, volumes / str(n), n) for n in range(VOLUMES))]


def _resolver() -> list[dict[str, Any]]:
    named = {"name": "coredns", "namespace": "kube-system", "labels": _LABELS}
    ports = [{"name": f"dns-{kind}", "port": 53, "targetPort": 53, "protocol": kind.upper()} for kind in ("udp", "tcp")]
    ask = {"periodSeconds": 2, "httpGet": {"path": "/ready", "port": 8181}}
    container = {
        "name": "coredns",
        "image": DNS_IMAGE,
        "imagePullPolicy": "Never",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
        "readinessProbe": ask,
        "securityContext": {"runAsUser": int(USER), "runAsNonRoot": True, "readOnlyRootFilesystem": True},
    }
    pod = {
        "serviceAccountName": "coredns",
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
        "dnsPolicy": "Default",
    }
    template = {"metadata": {"labels": _LABELS}, "spec": pod}
    service = {"selector": _LABELS, "clusterIP": RESOLVER, "ports": ports}
    deployment = {"replicas": 1, "selector": {"matchLabels": _LABELS}, "template": template}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": named},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": named, "data": {"Corefile": COREFILE}},
        {"apiVersion": "v1", "kind": "Service", "metadata": named | {"name": "kube-dns"}, "spec": service},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": named, "spec": deployment},
    ]


def _rights() -> list[dict[str, Any]]:
    """Of the resolver and of the network-policy controller: they look, and change nothing."""
    looks = ["get", "list", "watch"]
    core = ["namespaces", "pods", "services", "endpoints", "nodes"]
    rules = [
        {"apiGroups": [""], "resources": core, "verbs": looks},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": looks},
        {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": looks},
    ]
    role = {"apiGroup": _RIGHTS, "kind": "ClusterRole", "name": "network-watchers"}
    subjects = [
        {"kind": "ServiceAccount", "name": "coredns", "namespace": "kube-system"},
        {"kind": "User", "name": "kube-router", "apiGroup": _RIGHTS},
    ]
    version, named = f"{_RIGHTS}/v1", {"name": "network-watchers"}
    return [
        {"apiVersion": version, "kind": "ClusterRole", "metadata": named, "rules": rules},
        {
            "apiVersion": version,
            "kind": "ClusterRoleBinding",
            "metadata": named,
            "roleRef": role,
            "subjects": subjects,
        },
    ]


def _storage_class() -> dict[str, Any]:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": STORAGE_CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
        "reclaimPolicy": "Retain",
    }


def _volume(side: Side, path: Path, number: int) -> dict[str, Any]:
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [side]}
    spec = {
        "capacity": {"storage": "20Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": STORAGE_CLASS,
        "local": {"path": str(path)},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
    }
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"local-{number}"}, "spec": spec}
