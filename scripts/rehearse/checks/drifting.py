"""Drift planted in ten kinds of fields, each found by name; plan and apply put all of it right."""

from dataclasses import dataclass
from typing import Any, Final

from scripts.env.kube import Cluster
from scripts.rehearse.stage import CheckFailed, Stage

MERGE: Final = "application/merge-patch+json"
JSON: Final = "application/json-patch+json"
DRIFT: Final = 3


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


def _container(path: str, value: Any) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": f"/spec/template/spec/containers/0/{path}", "value": value}]


FIRST: Final = "the first value"  # of a ConfigMap: whatever its key is called
APPS, CORE, NET = "apps/v1", "v1", "networking.k8s.io/v1"
WEAK: Final = {"securityContext": {"readOnlyRootFilesystem": False}}
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
        *("rbac.authorization.k8s.io/v1", "ClusterRole", "", "larets-operator"),
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


def ten_kinds(stage: Stage) -> dict[str, str]:
    """Planted by somebody else's hand, under another owner's name."""
    cluster = stage.cluster("private")
    _known(cluster)
    for one in TEN:
        _plant(cluster, one)
    try:
        return _found_and_corrected(stage)
    except CheckFailed:
        stage.bring_up("private")  # the checks after this one meet a contour as it should be
        raise


def _found_and_corrected(stage: Stage) -> dict[str, str]:
    said = stage.run("drift", "private", "--json")
    if said.code != DRIFT:
        raise CheckFailed(f"drift was planted and `larets env drift` ended with {said.code}: {said.error}")
    found = {one["object"]: one for one in said.json["drift"]}
    told = {one.what: _found(one, found) for one in TEN}
    planned = stage.must("plan", "private")
    repairs = {step["object"] for step in planned["steps"] if step["op"] == "repair"}
    if len(repairs) != len(TEN):
        raise CheckFailed(f"the plan repairs {len(repairs)} objects, and {len(TEN)} drifted")
    stage.must("apply", "private", "--plan", planned["plan"])
    after = stage.run("drift", "private", "--json")
    if after.code:
        raise CheckFailed(f"drift is still there after apply: {[one['object'] for one in after.json['drift']]}")
    return told


def _known(cluster: Cluster) -> None:
    lacking = [one.what for one in TEN if cluster.read(_manifest(one)) is None]
    if lacking:
        raise CheckFailed(f"nothing to plant drift in: {', '.join(lacking)}")


def _plant(cluster: Cluster, one: Planted) -> None:
    manifest = _manifest(one)
    if one.patch is None:
        cluster.delete(manifest)
        return
    patch = one.patch
    if patch == FIRST:
        live = cluster.read(manifest) or {"data": {}}
        patch = {"data": {next(iter(live["data"])): "slipped"}}
    cluster.request(
        "PATCH", cluster.path(manifest), body=patch, content=one.content, query={"fieldManager": "somebody"}
    )


def _manifest(one: Planted) -> dict[str, Any]:
    place = {"namespace": one.namespace} if one.namespace else {}
    return {"apiVersion": one.api, "kind": one.kind, "metadata": {"name": one.name, **place}}


def _found(one: Planted, found: dict[str, Any]) -> str:
    name = f"{one.kind} {f'{one.namespace}/' if one.namespace else ''}{one.name}"
    drifted = found.get(name)
    if drifted is None:
        raise CheckFailed(f"drift of {one.what} was not found ({name})")
    if one.patch is None:
        if not drifted["missing"]:
            raise CheckFailed(f"{name} is gone, and that was not told")
        return "is gone"
    paths = [change["path"] for change in drifted["changes"]]
    if not any(one.told in path for path in paths):
        raise CheckFailed(f"drift of {one.what} was found in the wrong fields: {paths}")
    return ", ".join(paths)
