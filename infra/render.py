"""Manifests of a stack without a cluster: for GitOps, for validators and for readers. No secret stands in them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from infra.lib.names import Stack, stacks_of
from infra.lib.settings import StackSettings
from infra.programs import build
from infra.registered import Registered, run
from infra.values import GivenValues

REQUIRED = "larets/required-keys"


def registrations(stack: Stack, settings: StackSettings, values: GivenValues | None = None) -> list[Registered]:
    """All resources of a stack, the ones that are no Kubernetes objects too."""
    return run(lambda: build(stack, settings, values or GivenValues()), stack=f"{settings.environment}-{stack}")


def render(stack: Stack, settings: StackSettings) -> list[dict[str, Any]]:
    """The stack's Kubernetes objects. A Secret is a placeholder that names the keys it must hold, and holds none."""
    return manifests_of(registrations(stack, settings))


def manifests_of(registered: Iterable[Registered]) -> list[dict[str, Any]]:
    return [_without_secret(one.manifest) for one in registered if one.manifest is not None]


def _without_secret(manifest: dict[str, Any]) -> dict[str, Any]:
    if manifest["kind"] != "Secret":
        return manifest
    keys = sorted([*manifest.get("data", {}), *manifest.get("stringData", {})])
    bare = {key: value for key, value in manifest.items() if key not in {"data", "stringData"}}
    annotations = bare["metadata"].get("annotations", {}) | {REQUIRED: ",".join(keys)}
    return bare | {"metadata": bare["metadata"] | {"annotations": annotations}}


def all_registrations(settings: StackSettings) -> list[Registered]:
    """Everything of a contour, in the order of deployment."""
    return [one for stack in stacks_of(settings.contour) for one in registrations(stack, settings)]


def render_all(settings: StackSettings) -> list[dict[str, Any]]:
    """The objects of a contour, in the order of deployment."""
    return manifests_of(all_registrations(settings))


def write(manifests: Iterable[dict[str, Any]], folder: Path) -> list[Path]:
    """One file per object: `folder/<namespace or cluster>/<kind>-<name>.yaml`."""
    written = []
    for manifest in manifests:
        metadata = manifest["metadata"]
        path = folder / metadata.get("namespace", "cluster") / f"{manifest['kind'].lower()}-{metadata['name']}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True), "utf-8")
        written.append(path)
    return written
