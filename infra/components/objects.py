"""How a component puts an object into its cluster.

Objects are written as Kubernetes knows them and registered under the type the Kubernetes provider gives them, so that
what a reviewer reads, what a validator checks and what the provider sends are the same text. Every object has the name
that its manifest says: nothing is named by chance, and nothing falls back to a default provider.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from infra.lib.names import Contour

Manifest = dict[str, Any]
_SECRET_PARTS: Final = ["data", "stringData"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where objects go: a contour's cluster, by an explicit provider."""

    contour: Contour
    provider: pulumi.ProviderResource
    protect_data: bool = True


def token(manifest: Manifest) -> str:
    """The provider's type of an object: `kubernetes:apps/v1:Deployment`."""
    group = str(manifest["apiVersion"])
    return f"kubernetes:{group if '/' in group else f'core/{group}'}:{manifest['kind']}"


def address(manifest: Manifest) -> str:
    """`kind/namespace/name`, the object's name in the state."""
    metadata = manifest["metadata"]
    parts = [manifest["kind"].lower(), metadata.get("namespace"), metadata["name"]]
    return "/".join(part for part in parts if part)


class Component(pulumi.ComponentResource):
    """A group of objects of one contour."""

    def __init__(
        self, kind: str, name: str, place: Place, *, after: Sequence[pulumi.Resource] = (), parent: Any = None
    ) -> None:
        """`after`: components whose objects must be there first."""
        super().__init__(f"larets:{kind}", name, {}, pulumi.ResourceOptions(parent=parent))
        self.place = place
        self._after = list(after)

    def add(self, manifest: Manifest, *, holds_data: bool = False) -> pulumi.CustomResource:
        """Register an object. What `holds_data` is protected, and kept when its stack is removed."""
        kept = holds_data and self.place.protect_data
        options = pulumi.ResourceOptions(
            parent=self,
            provider=self.place.provider,
            depends_on=list(self._after),
            protect=kept,
            retain_on_delete=kept,
            additional_secret_outputs=_SECRET_PARTS if manifest["kind"] == "Secret" else None,
        )
        return pulumi.CustomResource(token(manifest), address(manifest), dict(manifest), options)


def metadata(name: str, namespace: str | None, labels: Mapping[str, str], **more: Any) -> dict[str, Any]:
    placed = {"namespace": namespace} if namespace else {}
    return {"name": name, **placed, "labels": dict(labels)} | more
