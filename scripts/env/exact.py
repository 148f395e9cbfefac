"""A live object as it would be if our manifest alone had made it: the body of a replacement, to be tried or to be sent.

The API server fills in its defaults, and mutating webhooks say their word, as when the object was made. What else is
there was added by somebody, but for what controllers of a healthy cluster note on objects, which is taken over here.
"""

from typing import Any, Final

from scripts.env.kube import Manifest
from scripts.env.objects import Path

REPLICAS: Final[Path] = ("spec", "replicas")  # an autoscaler's
# `kubectl rollout restart`: taking it out would start the pods once more.
RESTARTED: Final[Path] = ("spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt")
# Written by the cluster, where the manifest leaves it open.
FILLED: Final[dict[str, tuple[Path, ...]]] = {
    "Deployment": (REPLICAS, RESTARTED),
    "StatefulSet": (REPLICAS, RESTARTED),
    "PersistentVolumeClaim": (("spec", "volumeName"), ("spec", "storageClassName")),
    "ServiceAccount": (("secrets",), ("imagePullSecrets",)),
    "Job": (("spec", "selector"), ("spec", "template", "metadata", "labels")),
    "Namespace": (("spec",),),
}
# Labels and annotations of these domains, and of those below them, are controllers' notes.
NOTED: Final = (
    "autoscaling.alpha.kubernetes.io",
    "batch.kubernetes.io",
    "cattle.io",
    "cert-manager.io",
    "cnpg.io",
    "deployment.kubernetes.io",
    "external-secrets.io",
    "kubectl.kubernetes.io",
    "openshift.io",
    "pulumi.com",
    "pv.kubernetes.io",
    "volume.kubernetes.io",
    "volume.beta.kubernetes.io",
)
NOTED_WHOLE: Final = "prometheus-operator-validated"


def replacement(live: Manifest, manifest: Manifest) -> Manifest:
    """To be put in the place of `live`, and of no later version of it. Holds what the manifest holds, in clear."""
    kind = manifest["kind"]
    body: Manifest = {**manifest, "metadata": _metadata(live["metadata"], manifest["metadata"])}
    if "status" in live:
        body["status"] = live["status"]
    for path in FILLED.get(kind, ()):
        if (found := _at(live, path)) is not None:
            body = _filled(body, found, path)
    return body


def _metadata(live: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    made = asked | {name: live[name] for name in ("finalizers", "resourceVersion", "uid") if name in live}
    for part in ("labels", "annotations"):
        notes = {name: value for name, value in (live.get(part) or {}).items() if _noted(name)}
        if notes:
            made[part] = notes | (asked.get(part) or {})
    return made


def _noted(name: str) -> bool:
    domain = name.partition("/")[0]
    return name == NOTED_WHOLE or ("/" in name and any(f".{domain}".endswith(f".{one}") for one in NOTED))


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _filled(body: Any, found: Any, path: Path) -> Any:
    """`body` with `found` at `path`; maps are laid over each other, and what the body says holds."""
    if not path:
        return {**found, **(body or {})} if isinstance(found, dict) else found if body is None else body
    held = body or {}
    return {**held, path[0]: _filled(held.get(path[0]), found, path[1:])}
