"""Settings of both halves for real nodes: real images by digest, a real key service on a machine of its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from scripts.env.place import Side
from scripts.images.build import Built
from scripts.rehearse.deep.addresses import ADMINISTRATOR, KEY_SERVICE, OF, RELAY
from scripts.rehearse.deep.system import STORAGE_CLASS
from scripts.rehearse.plane import Plane
from scripts.rehearse.stage import OFFICERS, OPERATORS

DOMAIN: Final = "larets.test"
REGISTRY: Final = "registry.rehearsal.internal/larets"
OTHER: Final[dict[Side, Side]] = {"private": "public", "public": "private"}
OWN_IMAGE: Final[dict[Side, str]] = {"private": "vault", "public": "app"}
KEY_HOST: Final = f"keys.{DOMAIN}"
KEY_PORT: Final = 8200


def images_of(side: Side) -> tuple[str, ...]:
    """Names of the images that a contour runs."""
    return (OWN_IMAGE[side], "database", "edge")


def reference(name: str, built: Built) -> str:
    return f"{REGISTRY}/{name}@{built.digest}"


def answers(
    plane: Plane, side: Side, kubeconfig: Path, images: Mapping[str, Built], *, role: str, operator: str
) -> dict[str, Any]:
    """`role`, `operator`: role ids by which the vault and its commands sign in at the key service."""
    own = OF[side]
    names = dict(zip(("larets", "database", "edge"), images_of(side), strict=True))
    one = {"replicas": 1, "max_replicas": 1}
    two = {"replicas": 2, "max_replicas": 2}
    content: dict[str, Any] = {
        "domain": DOMAIN,
        "stage": "rehearsal",
        "cluster": {
            "kubeconfig": str(kubeconfig),
            "context": plane.context,
            "identifier": plane.cluster().identifier(),
            "storage_class": STORAGE_CLASS,
            "api_server": [f"{own.node}/32"],
            "egress_addresses": [f"{own.node}/32"],
            "pod_networks": [own.pods],
            "families": ["ipv4"],  # as the rooms have; kube-router takes no policy at all with one rule of the other
        },
        "images": {"registries": [REGISTRY]} | {part: reference(name, images[name]) for part, name in names.items()},
        "edge": {"kind": "proxy", "service": "LoadBalancer", "addresses": [own.edge]},
        "database": {"kind": "statefulset", "instances": 1, "storage": "1Gi", "memory": "1Gi"},
        "certificates": {"kind": "issued"},
        "access": {"operators": [OPERATORS], "officers": [OFFICERS]},
        "sizes": {"web": two, "worker": one | {"memory": "384Mi"}, "edge": one | {"cpu": "100m", "memory": "128Mi"}},
    }
    if side == "private":
        content["keys"] = {
            "kind": "external", "host": KEY_HOST, "addresses": [f"{KEY_SERVICE}/32"], "port": KEY_PORT,
            "role": role, "operator_role": operator,
        }  # fmt: skip
        content["relay"] = [{"host": f"sms.{DOMAIN}", "addresses": [f"{RELAY}/32"]}]
    return content


def names_of(hosts: Mapping[str, str]) -> str:
    """Lines of /etc/hosts by which the rehearsal's own programs find both edges and the key service."""
    edges = {part: OF["public" if part in {"crm", "intake"} else "private"].edge for part in hosts}
    fixed = ["127.0.0.1 localhost postgres.data.svc", f"{KEY_SERVICE} {KEY_HOST}", f"{ADMINISTRATOR} shop.{DOMAIN}"]
    return "\n".join([*fixed, *(f"{edges[part]} {host}" for part, host in hosts.items()), ""])
