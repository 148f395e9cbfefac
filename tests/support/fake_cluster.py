"""An API server that answers what a test tells it to, over real TLS, for what `larets env` asks before a change.

What real ones answer is the rehearsal's business: `make rehearse` asks the same questions of two of them.
"""

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from infra import pki

UID: Final = "0b0b0b0b-0000-4000-8000-000000000001"
CONTEXT: Final = "test"
TOKEN: Final = "test-only"

KINDS: Final[dict[str, dict[str, tuple[str, bool]]]] = {
    "v1": {
        "Namespace": ("namespaces", False),
        "Secret": ("secrets", True),
        "ConfigMap": ("configmaps", True),
        "Service": ("services", True),
        "Pod": ("pods", True),
        "ServiceAccount": ("serviceaccounts", True),
        "ResourceQuota": ("resourcequotas", True),
        "LimitRange": ("limitranges", True),
        "PersistentVolumeClaim": ("persistentvolumeclaims", True),
    },
    "apps/v1": {
        "Deployment": ("deployments", True),
        "StatefulSet": ("statefulsets", True),
        "DaemonSet": ("daemonsets", True),
    },
    "batch/v1": {"Job": ("jobs", True), "CronJob": ("cronjobs", True)},
    "policy/v1": {"PodDisruptionBudget": ("poddisruptionbudgets", True)},
    "autoscaling/v2": {"HorizontalPodAutoscaler": ("horizontalpodautoscalers", True)},
    "networking.k8s.io/v1": {"NetworkPolicy": ("networkpolicies", True), "Ingress": ("ingresses", True)},
    "rbac.authorization.k8s.io/v1": {
        "Role": ("roles", True),
        "RoleBinding": ("rolebindings", True),
        "ClusterRole": ("clusterroles", False),
        "ClusterRoleBinding": ("clusterrolebindings", False),
    },
    "admissionregistration.k8s.io/v1": {
        "ValidatingAdmissionPolicy": ("validatingadmissionpolicies", False),
        "ValidatingAdmissionPolicyBinding": ("validatingadmissionpolicybindings", False),
    },
}


@dataclass
class FakeCluster:
    """`answers` by path; a path that is not there is 404. `denied` are (verb, resource) that the account may not."""

    folder: Path
    answers: dict[str, Any] = field(default_factory=dict)
    denied: set[tuple[str, str]] = field(default_factory=set)
    changed: list[str] = field(default_factory=list)  # requests that would have changed something
    port: int = 0
    authority: str = ""

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    def kinds(self, known: dict[str, dict[str, tuple[str, bool]]]) -> None:
        for api, listed in known.items():
            base = f"/api/{api}" if "/" not in api else f"/apis/{api}"
            resources = [{"kind": kind, "name": name, "namespaced": spaced} for kind, (name, spaced) in listed.items()]
            self.answers[base] = {"resources": resources}

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if path.endswith("/selfsubjectaccessreviews"):
            asked = body["spec"]["resourceAttributes"]
            return 201, {"status": {"allowed": (asked["verb"], asked["resource"]) not in self.denied}}
        if method != "GET":
            self.changed.append(f"{method} {path}")
        if path in self.answers:
            return 200, self.answers[path]
        return 404, {"kind": "Status", "reason": "NotFound", "message": "not found"}


def _able() -> dict[str, Any]:
    """A cluster on which a rehearsal could be deployed."""
    node = {"status": {"allocatable": {"cpu": "16", "memory": "64Gi"}}}
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    return {
        "/version": {"major": "1", "minor": "36"},
        "/api/v1/namespaces/kube-system": {"metadata": {"uid": UID}},
        "/api/v1/nodes": {"items": [node]},
        "/api/v1/resourcequotas": {"items": []},
        "/apis/storage.k8s.io/v1/storageclasses": {"items": [{"metadata": {"name": "ssd", "annotations": default}}]},
        "/api/v1/namespaces/default/services/kubernetes": {"spec": {"clusterIP": "10.96.0.1"}},
        "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices": {
            "items": [{"endpoints": [{"addresses": ["192.0.2.4"]}], "ports": [{"port": 6443}]}]
        },
    }


@contextmanager
def fake_cluster(folder: Path) -> Iterator[FakeCluster]:
    """Listens on a loopback port for as long as the context lasts; its kubeconfig lies in `folder`."""
    cluster = FakeCluster(folder, _able())
    cluster.kinds(KINDS)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(cluster))
    cluster.port = server.server_port
    now = datetime.now(UTC)
    authority = pki.make_authority("fake cluster", now=now)
    leaf = pki.issue(authority, "127.0.0.1", hosts=["127.0.0.1"], now=now)
    both = folder / "fake-cluster.pem"
    both.write_text(leaf.certificate + leaf.key)
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(both)
    server.socket = trust.wrap_socket(server.socket, server_side=True)
    cluster.authority = authority.certificate
    cluster.kubeconfig.write_text(yaml.safe_dump(_kubeconfig(cluster)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield cluster
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _kubeconfig(cluster: FakeCluster) -> dict[str, Any]:
    data = base64.b64encode(cluster.authority.encode()).decode()
    where = {"server": f"https://127.0.0.1:{cluster.port}", "certificate-authority-data": data}
    return {
        "clusters": [{"name": "c", "cluster": where}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": "c", "user": "u"}}],
    }


def _handler(cluster: FakeCluster) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 1 << 16

        def _serve(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            status, answer = cluster.answer(self.command, urlsplit(self.path).path, body)
            sent = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _serve  # noqa: N815  the server's names

        def log_message(self, *_: Any) -> None:
            """Nothing: a test's output is its own."""

    return Handler
