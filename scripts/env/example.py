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


def example(name: str, side: Side, *, domain: str = "shop.example.ru") -> dict[str, Any]:
    """A production contour by the book."""
    image = "vault" if side == "private" else "app"
    content: dict[str, Any] = {
        "environment": name,
        "contour": side,
        "stage": "production",
        "hosts": hosts_under(domain),
        "cluster": {
            "kubeconfig": "kubeconfig",
            "context": f"{name}-{side}",
            "identifier": NO_CLUSTER,
            "api_server": ["10.96.0.1/32"],
        },
        "state": {"backend": f"file://{contour_of(name, side).state}"},
        "images": {
            "registries": [REGISTRY],
            "larets": f"{REGISTRY}/{image}@sha256:{PLACEHOLDER}",
            "database": f"{REGISTRY}/postgresql@sha256:{PLACEHOLDER}",
            "key_service": f"{REGISTRY}/openbao@sha256:{PLACEHOLDER}",
        },
    }
    return content
