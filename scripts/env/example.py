"""Settings with sane answers: what `init` starts from, and what is rendered where there is no environment yet."""

from typing import Any, Final

from scripts.env.place import Side, contour_of

# Digests of nothing: whoever deploys puts those of their own registry there.
PLACEHOLDER: Final = "0" * 64
NO_CLUSTER: Final = "00000000-0000-0000-0000-000000000000"
REGISTRY: Final = "registry.example.ru/larets"


def hosts_under(domain: str) -> dict[str, str]:
    parts = {"crm": "crm", "intake": "intake", "vault": "vault", "console": "officer", "hooks": "hooks"}
    return {part: f"{label}.{domain}" for part, label in parts.items()} | {"service": f"vault-service.{domain}"}


def example(name: str, side: Side, *, domain: str = "shop.example.ru", stage: str = "production") -> dict[str, Any]:
    """A contour by the book; a rehearsal needs no operator and no key service."""
    images = {"larets": "vault" if side == "private" else "app", "database": "postgresql"}
    if stage == "rehearsal":
        images["edge"] = "edge"
    elif side == "private":
        images["key_service"] = "openbao"
    content: dict[str, Any] = {
        "environment": name,
        "contour": side,
        "stage": stage,
        "hosts": hosts_under(domain),
        "cluster": {
            "kubeconfig": "kubeconfig",
            "context": f"{name}-{side}",
            "identifier": NO_CLUSTER,
            "api_server": ["10.96.0.1/32"],
            "pod_networks": ["10.244.0.0/16"],
        },
        "state": {"backend": f"file://{contour_of(name, side).state}"},
        "images": {"registries": [REGISTRY]}
        | {part: f"{REGISTRY}/{image}@sha256:{PLACEHOLDER}" for part, image in images.items()},
    }
    return content | (_rehearsed(side) if stage == "rehearsal" else {})


def _rehearsed(side: Side) -> dict[str, Any]:
    """The weakenings of a rehearsal, each written out."""
    made: dict[str, Any] = {
        "edge": {"kind": "proxy"},
        "database": {"kind": "statefulset", "instances": 1, "storage": "5Gi"},
        "certificates": {"kind": "issued"},
        "protect_data": False,
    }
    if side == "private":
        made["keys"] = {"kind": "local-keyring", "local_keyring": "accepted"}
        made["sizes"] = {"web": {"replicas": 1, "max_replicas": 1}}
    return made
