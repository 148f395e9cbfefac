"""What changed between two inputs, and which of the changes the API server takes only as a new object."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

EVERYWHERE: Final = ("apiVersion", "kind", "metadata.name", "metadata.namespace")
FIXED: Final[Mapping[str, tuple[str, ...]]] = {
    "Deployment": ("spec.selector",),
    "DaemonSet": ("spec.selector",),
    "StatefulSet": ("spec.selector", "spec.serviceName", "spec.volumeClaimTemplates", "spec.podManagementPolicy"),
    "Job": ("spec.template", "spec.selector", "spec.completions", "spec.completionMode"),
    "Service": ("spec.clusterIP",),
    "PersistentVolumeClaim": ("spec.storageClassName", "spec.accessModes", "spec.volumeName"),
    "RoleBinding": ("roleRef",),
    "ClusterRoleBinding": ("roleRef",),
    "StorageClass": ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"),
}
WHEN_IMMUTABLE: Final = ("data", "stringData", "binaryData")


def changed(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Pairs of a path and add, delete or update."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            inside = f"{path}.{key}" if path else key
            if key not in new:
                yield inside, "delete"
            elif key not in old:
                yield inside, "add"
            else:
                yield from changed(old[key], new[key], inside)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from changed(before, after, f"{path}[{index}]")
    elif old != new:
        yield path, "update"


def needs_new_object(old: Mapping[str, Any], path: str) -> bool:
    kind = str(old.get("kind", ""))
    fixed = (*EVERYWHERE, *FIXED.get(kind, ()))
    if kind in {"Secret", "ConfigMap"} and old.get("immutable"):
        fixed += WHEN_IMMUTABLE
    return any(path == part or path.startswith((f"{part}.", f"{part}[")) for part in fixed)
