"""What Pod Security cannot say, said by the API server itself: digests, registries, data classes, no second way in.

ValidatingAdmissionPolicy needs no webhook: nothing has to run for it to refuse, and nothing can be away.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from infra.components.objects import Component, Manifest, Place, metadata
from infra.lib.labels import CONTOUR, DATA_CLASS, NAMESPACE_NAME, labels
from infra.lib.names import EDGE, Contour

Check = tuple[str, str]  # what must hold in CEL, and what is said when it does not
_CONTAINERS: Final = (
    "object.spec.containers.map(c, c.image) + "
    "(has(object.spec.initContainers) ? object.spec.initContainers.map(c, c.image) : []) + "
    "(has(object.spec.ephemeralContainers) ? object.spec.ephemeralContainers.map(c, c.image) : [])"
)
_PODS: Final = [
    {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "resources": ["pods", "pods/ephemeralcontainers"],  # a rule of pods alone does not see what is put beside one
        "operations": ["CREATE", "UPDATE"],
    }
]
_SERVICES: Final = [
    {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["services"], "operations": ["CREATE", "UPDATE"]}
]
_LABELLED: Final = [
    {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods", "services"], "operations": ["CREATE", "UPDATE"]},
    {
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "resources": ["deployments", "statefulsets"],
        "operations": ["CREATE", "UPDATE"],
    },
]
_IMAGES: Final = ({"name": "images", "expression": _CONTAINERS},)
_ONE_WAY_IN: Final[list[Check]] = [
    (
        "!has(object.spec.type) || object.spec.type != 'NodePort'",
        "no NodePort: it opens every node; the way in is the Service of namespace edge",
    ),
    (
        f"!has(object.spec.type) || object.spec.type != 'LoadBalancer' || object.metadata.namespace == '{EDGE}'",
        "no LoadBalancer but the one Service of namespace edge",
    ),
    ("!has(object.spec.externalIPs) || size(object.spec.externalIPs) == 0", "no external addresses"),
    (
        "!has(object.spec.type) || object.spec.type != 'ExternalName'",
        "no ExternalName: it leads round the network policies",
    ),
]


@dataclass(frozen=True, slots=True)
class AdmissionArgs:
    """`registries`: prefixes that images begin with. `namespaces`: where the policies hold."""

    registries: tuple[str, ...]
    namespaces: tuple[str, ...]


class Admission(Component):
    """The policies and their bindings to the contour's own namespaces."""

    def __init__(self, args: AdmissionArgs, place: Place, *, after: Sequence[Any] = ()) -> None:
        super().__init__("Admission", "admission", place, after=after)
        for manifest in manifests(args, place.contour):
            self.add(manifest)
        self.register_outputs({})


def manifests(args: AdmissionArgs, contour: Contour) -> list[Manifest]:
    return [
        *_policy("larets-images", contour, args.namespaces, _PODS, _images(args.registries), variables=_IMAGES),
        *_policy("larets-data-class", contour, args.namespaces, _LABELLED, _labels(contour)),
        *_policy("larets-one-way-in", contour, args.namespaces, _SERVICES, _ONE_WAY_IN),
    ]


def _images(registries: Sequence[str]) -> list[Check]:
    named = [f"{prefix.rstrip('/')}/" for prefix in registries]
    listed = f"variables.images.all(i, {json.dumps(named)}.exists(p, i.startsWith(p)))"
    return [
        (
            "variables.images.all(i, i.matches('@sha256:[0-9a-f]{64}$'))",
            "images are named by digest: registry/name@sha256:…",
        ),
        (listed, f"images come from {', '.join(named)}"),
    ]


def _labels(contour: Contour) -> list[Check]:
    classes = ["personal", "tokens", "keys", "none"] if contour == "private" else ["tokens", "none"]
    there = "has(object.metadata.labels) && '{0}' in object.metadata.labels && object.metadata.labels['{0}']"
    return [
        (
            f"{there.format(DATA_CLASS)} in {json.dumps(classes)}",
            f"label {DATA_CLASS} says what data it handles; allowed here: {', '.join(classes)}",
        ),
        (
            f"{there.format(CONTOUR)} == '{contour}'",
            f"label {CONTOUR} must be {contour}: an object belongs to one contour",
        ),
    ]


def _policy(
    name: str,
    contour: Contour,
    namespaces: Sequence[str],
    rules: list[dict[str, Any]],
    checks: Sequence[Check],
    *,
    variables: Sequence[dict[str, str]] = (),
) -> list[Manifest]:
    own = labels(name, contour=contour, data_class="none", component="admission")
    said = [{"expression": expression, "message": message, "reason": "Forbidden"} for expression, message in checks]
    chosen = {"matchExpressions": [{"key": NAMESPACE_NAME, "operator": "In", "values": sorted(namespaces)}]}
    spec: dict[str, Any] = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": rules},
        "validations": said,
    }
    if variables:
        spec["variables"] = list(variables)
    version = "admissionregistration.k8s.io/v1"
    return [
        {
            "apiVersion": version,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": metadata(name, None, own),
            "spec": spec,
        },
        {
            "apiVersion": version,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": metadata(name, None, own),
            "spec": {
                "policyName": name,
                "validationActions": ["Deny", "Audit"],
                "matchResources": {"namespaceSelector": chosen},
            },
        },
    ]
