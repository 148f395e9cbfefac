"""Labels and selectors: one place, so that a policy and the pods it means cannot drift apart."""

from typing import Final

from infra.lib.names import PROJECT, Contour, DataClass

NAME: Final = "app.kubernetes.io/name"
DATA_CLASS: Final = "data-class"
CONTOUR: Final = "contour"
NAMESPACE_NAME: Final = "kubernetes.io/metadata.name"  # set by Kubernetes itself on every namespace


def labels(name: str, *, contour: Contour, data_class: DataClass, component: str = "") -> dict[str, str]:
    """The labels every object carries."""
    return {
        NAME: name,
        "app.kubernetes.io/part-of": PROJECT,
        "app.kubernetes.io/managed-by": "pulumi",
        "app.kubernetes.io/component": component or name,
        CONTOUR: contour,
        DATA_CLASS: data_class,
    }


def selector(name: str) -> dict[str, str]:
    """What selects a workload's pods. Never changes: a Deployment's selector is immutable."""
    return {NAME: name}
