"""Secrets of a namespace: made once from the stack's encrypted configuration, or fetched by External Secrets.

Each key of a Secret is a text with `{names}` of values in it; nothing is a literal. What is made is marked secret on
its way, so that neither plan nor state holds it in clear.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

import pulumi

from infra.components.objects import Component, Manifest, Place, metadata
from infra.lib.labels import labels
from infra.lib.names import DataClass
from infra.lib.parts import Secrets
from infra.values import Values

_NAMED: Final = re.compile(r"\{([a-z][a-z-]*)\}")


@dataclass(frozen=True, slots=True)
class SecretArgs:
    """`keys`: key of the Secret → text with `{value}` in it."""

    name: str
    namespace: str
    data_class: DataClass
    keys: Mapping[str, str]
    type: Literal["Opaque", "kubernetes.io/tls", "kubernetes.io/basic-auth"] = "Opaque"

    @property
    def values(self) -> list[str]:
        return sorted({name for text in self.keys.values() for name in _NAMED.findall(text)})


class SecretSet(Component):
    """Some Secrets that belong together, in the way the settings choose."""

    def __init__(
        self,
        name: str,
        args: tuple[SecretArgs, ...],
        place: Place,
        *,
        how: Secrets,
        environment: str,
        values: Values,
        parent: Any = None,
    ) -> None:
        super().__init__("SecretSet", name, place, parent=parent)
        for one in args:
            own = labels(one.name, contour=place.contour, data_class=one.data_class, component="secret")
            if how.kind == "created":
                self.add(_secret(one, own, values))
            elif how.kind == "external-secrets":
                self.add(external(one, own, store=how.store, prefix=f"{how.path}/{environment}/{place.contour}"))
        self.register_outputs({})


def _secret(args: SecretArgs, own: Mapping[str, str], values: Values) -> Manifest:
    given = pulumi.Output.all(**{name: values.secret(name) for name in args.values})
    data: dict[str, Any] = {key: given.apply(partial(_encoded, text)) for key, text in args.keys.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(args.name, args.namespace, own),
        "type": args.type,
        "data": data,
    }


def _encoded(text: str, known: Mapping[str, str]) -> str:
    return base64.b64encode(_NAMED.sub(lambda found: known[found[1]], text).encode()).decode()


def read_back(text: str, content: str) -> dict[str, str] | None:
    """The values in `content`, which was written from `text`; None: it was not."""
    pattern, at, seen = "", 0, set[str]()
    for found in _NAMED.finditer(text):
        group = found[1].replace("-", "_")
        pattern += re.escape(text[at : found.start()]) + (f"(?P={group})" if group in seen else f"(?P<{group}>.+?)")
        seen.add(group)
        at = found.end()
    matched = re.fullmatch(pattern + re.escape(text[at:]), content, re.DOTALL)
    return {name.replace("_", "-"): value for name, value in matched.groupdict().items()} if matched else None


def external(args: SecretArgs, own: Mapping[str, str], *, store: str, prefix: str) -> Manifest:
    """An ExternalSecret that puts the same texts together inside the cluster."""
    template = {
        key: _NAMED.sub(lambda found: f'{{{{ index . "{found[1]}" }}}}', text) for key, text in args.keys.items()
    }
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": metadata(args.name, args.namespace, own),
        "spec": {
            "refreshInterval": "1h",
            "secretStoreRef": {"kind": "ClusterSecretStore", "name": store},
            "target": {
                "name": args.name,
                "creationPolicy": "Owner",
                "deletionPolicy": "Retain",
                "template": {"engineVersion": "v2", "type": args.type, "data": template},
            },
            "data": [{"secretKey": name, "remoteRef": {"key": f"{prefix}/{name}"}} for name in args.values],
        },
    }
