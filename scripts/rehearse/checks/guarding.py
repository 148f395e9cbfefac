"""What the API server itself refuses, who may do what there, and a command that meets the wrong cluster."""

import copy
from functools import partial
from typing import Any, Final

from scripts.env.errors import ClusterRefused
from scripts.env.kube import Cluster
from scripts.env.place import SIDES, Side
from scripts.rehearse.stage import OFFICERS, OPERATORS, CheckFailed, Stage

FORBIDDEN: Final = 403
MERGE: Final = "application/strategic-merge-patch+json"
IMAGE: Final = "registry.rehearsal.internal/larets/vault@sha256:" + "a" * 64
LABELS: Final = {"data-class": "personal", "contour": "private"}
LEGAL: Final[dict[str, Any]] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "probe", "namespace": "vault", "labels": LABELS},
    "spec": {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "probe",
                "image": IMAGE,
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    },
}
SERVICE: Final[dict[str, Any]] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "probe", "namespace": "vault", "labels": LABELS},
    "spec": {"ports": [{"port": 80}]},
}


def _pod(**spec: Any) -> dict[str, Any]:
    made = copy.deepcopy(LEGAL)
    made["spec"] |= spec
    return made


def _contained(**fields: Any) -> dict[str, Any]:
    made = copy.deepcopy(LEGAL)
    made["spec"]["containers"][0] |= fields
    return made


def _unlabelled() -> dict[str, Any]:
    made = copy.deepcopy(LEGAL)
    made["metadata"]["labels"] = {}
    return made


# what is tried → the manifest, and a word of the refusal
BREACHES: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "root": (_pod(securityContext={"runAsUser": 0, "runAsNonRoot": False}), "restricted"),
    "host network": (_pod(hostNetwork=True), "restricted"),
    "a path of the node": (_pod(volumes=[{"name": "n", "hostPath": {"path": "/"}}]), "restricted"),
    "privileged": (_contained(securityContext={"privileged": True}), "restricted"),
    "a tag": (_contained(image="registry.rehearsal.internal/larets/vault:latest"), "digest"),
    "a foreign registry": (_contained(image=IMAGE.replace("registry.rehearsal", "docker.example")), "images come from"),
    "no data class": (_unlabelled(), "data-class"),
    "a NodePort": (SERVICE | {"spec": SERVICE["spec"] | {"type": "NodePort"}}, "NodePort"),
    "a LoadBalancer outside the edge": (SERVICE | {"spec": SERVICE["spec"] | {"type": "LoadBalancer"}}, "LoadBalancer"),
}


# The same of a container that is put beside a running pod's.
BESIDE: Final[dict[str, tuple[dict[str, Any], str]]] = {
    f"{what}, beside a running pod": (BREACHES[what][0]["spec"]["containers"][0], BREACHES[what][1])
    for what in ("privileged", "a tag", "a foreign registry")
}


def breaches_refused(stage: Stage) -> dict[str, str]:
    """Each breach is refused by admission; the legal twin passes, so it is the breach that is refused."""
    cluster = stage.cluster("private")
    for legal in (LEGAL, SERVICE):
        cluster.apply(legal, dry_run=True)
    _beside(cluster, LEGAL["spec"]["containers"][0])
    told = {}
    attempts = [(what, partial(cluster.apply, one, dry_run=True), word) for what, (one, word) in BREACHES.items()]
    attempts += [(what, partial(_beside, cluster, one), word) for what, (one, word) in BESIDE.items()]
    for what, attempt, word in attempts:
        try:
            attempt()
        except ClusterRefused as refusal:
            if word not in str(refusal):
                raise CheckFailed(f"{what} was refused for another reason: {refusal}") from None
            told[what] = refusal.reason
            continue
        raise CheckFailed(f"the API server took {what}")
    return told


def _beside(cluster: Cluster, container: dict[str, Any]) -> Any:
    pods = "/api/v1/namespaces/vault/pods"
    name = cluster.request("GET", pods, query={"labelSelector": "app.kubernetes.io/name=vault"})["items"][0]
    path = f"{pods}/{name['metadata']['name']}/ephemeralcontainers"
    body = {"spec": {"ephemeralContainers": [container]}}
    return cluster.request("PATCH", path, body=body, query={"dryRun": "All"}, content=MERGE)


WHO: Final = {"operator": [OPERATORS], "officer": [OFFICERS], "stranger": ["somebody"]}
# (verb, group, resource, namespace) → who may
TABLE: Final[dict[tuple[str, str, str, str], frozenset[str]]] = {
    ("list", "", "pods", "vault"): frozenset({"operator", "officer"}),
    ("delete", "", "pods", "vault"): frozenset({"operator"}),
    ("create", "", "pods", "vault"): frozenset(),
    ("patch", "", "pods", "vault"): frozenset(),
    ("patch", "", "pods/ephemeralcontainers", "vault"): frozenset(),
    ("patch", "apps", "deployments", "vault"): frozenset(),
    ("patch", "apps", "deployments/scale", "vault"): frozenset(),
    ("delete", "apps", "deployments", "vault"): frozenset(),
    ("patch", "apps", "statefulsets", "data"): frozenset(),
    ("get", "networking.k8s.io", "networkpolicies", "data"): frozenset({"operator", "officer"}),
    ("patch", "networking.k8s.io", "networkpolicies", "data"): frozenset(),
    ("get", "", "secrets", "vault"): frozenset(),
    ("list", "", "secrets", "vault"): frozenset(),
    ("create", "", "pods/exec", "vault"): frozenset(),
    ("create", "", "pods/attach", "vault"): frozenset(),
    ("create", "", "pods/portforward", "vault"): frozenset(),
    ("create", "", "serviceaccounts/token", "vault"): frozenset(),
    ("get", "rbac.authorization.k8s.io", "clusterroles", ""): frozenset({"officer"}),
    ("bind", "rbac.authorization.k8s.io", "clusterroles", ""): frozenset(),
    ("escalate", "rbac.authorization.k8s.io", "clusterroles", ""): frozenset(),
    ("impersonate", "", "users", ""): frozenset(),
    ("list", "admissionregistration.k8s.io", "validatingadmissionpolicies", ""): frozenset({"officer"}),
    ("delete", "admissionregistration.k8s.io", "validatingadmissionpolicies", ""): frozenset(),
    ("delete", "", "namespaces", ""): frozenset(),
    ("list", "", "pods", "kube-system"): frozenset({"officer"}),
}


def rights_table(stage: Stage) -> list[dict[str, Any]]:
    """Who may do what, asked of the API server by impersonation, and one real request of each kind."""
    rows = []
    for side in SIDES:
        cluster = stage.cluster(side)
        place = "vault" if side == "private" else "app"
        for (verb, group, resource, namespace), allowed in TABLE.items():
            where = place if namespace == "vault" else namespace
            who = {name for name, groups in WHO.items() if _may(cluster, groups, (verb, group, resource, where))}
            rows.append({"contour": side, "may": f"{verb} {resource}", "in": where, "who": sorted(who)})
            if who != allowed:
                raise CheckFailed(f"{verb} {resource} in {where}: {sorted(who)} may, and {sorted(allowed)} should")
        _really(cluster, place)
    return rows


def _may(cluster: Cluster, groups: list[str], what: tuple[str, str, str, str]) -> bool:
    verb, group, resource, namespace = what
    kind, _, part = resource.partition("/")
    attributes = {"verb": verb, "group": group, "resource": kind, "subresource": part, "namespace": namespace}
    asked = cluster.request(
        "POST",
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        body={
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": "rehearsed", "groups": groups, "resourceAttributes": attributes},
        },
    )
    return bool(asked["status"]["allowed"])


def _really(cluster: Cluster, namespace: str) -> None:
    """As the operator: pods are listed and restarted; secrets are not read, by whatever way."""
    as_operator = {"Impersonate-User": "rehearsed", "Impersonate-Group": OPERATORS}
    pods = f"/api/v1/namespaces/{namespace}/pods"
    listed = cluster.request("GET", pods, headers=as_operator)["items"]
    name = listed[0]["metadata"]["name"]
    cluster.request("DELETE", f"{pods}/{name}", query={"dryRun": "All"}, headers=as_operator)
    workload = f"/apis/apps/v1/namespaces/{namespace}/deployments/{namespace}"
    printing = {"containers": [{"name": namespace, "command": ["cat", "/run/larets"]}]}
    for method, path, body in (
        ("GET", f"/api/v1/namespaces/{namespace}/secrets", None),
        ("PATCH", f"{workload}?dryRun=All", {"spec": {"template": {"spec": printing}}}),
    ):
        try:
            cluster.request(method, path, body=body, content=MERGE, headers=as_operator)
        except ClusterRefused as refusal:
            if refusal.status != FORBIDDEN:
                raise
            continue
        raise CheckFailed(f"an operator may {method} {path}")


def wrong_cluster(stage: Stage) -> None:
    """The private half's kubeconfig leads to the other cluster: every command stops, and nothing is touched there."""
    kubeconfig = stage.folder / "private.kubeconfig"
    whole = kubeconfig.read_text()
    other = stage.planes["public"]
    before = versions(stage, "public")
    plan = stage.must("plan", "private")["plan"]
    try:
        kubeconfig.write_text(other.kubeconfig().replace(other.context, stage.planes["private"].context))
        for verb, more in (
            ("plan", ()),
            ("apply", ("--plan", plan)),
            ("drift", ()),
            ("destroy", ("--confirm", "rehearsal/private")),
        ):
            said = stage.run(verb, "private", *more)
            if said.code in {0, 3} or "not the one" not in said.err:
                raise CheckFailed(f"{verb} did not refuse the wrong cluster: {said.error}")
    finally:
        kubeconfig.write_text(whole)
    if versions(stage, "public") != before:
        raise CheckFailed("the wrong cluster was touched")


def versions(stage: Stage, side: Side) -> dict[str, str]:
    """Objects of ours in a cluster, as they stand."""
    found = {}
    for path in ("/api/v1/namespaces", "/api/v1/secrets", "/apis/networking.k8s.io/v1/networkpolicies"):
        for item in stage.cluster(side).request("GET", path)["items"]:
            found[item["metadata"]["uid"]] = item["metadata"]["resourceVersion"]
    return found
