"""Settings of stacks for tests: a production contour and a rehearsal, complete and valid."""

import copy
from typing import Any

from infra.lib.settings import StackSettings, settings_of

DIGEST = "sha256:" + "a" * 64
REGISTRY = "registry.example.ru/larets"
HOSTS = {
    "crm": "crm.example.ru",
    "intake": "intake.example.ru",
    "vault": "vault.example.ru",
    "console": "console.example.ru",
    "hooks": "hooks.example.ru",
    "service": "service.example.ru",
}
AUDIT_KEY = "vault.example.ru/audit+01020304+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def content(contour: str, *, stage: str = "production", **changes: Any) -> dict[str, Any]:
    """What a person would write. `a__b=value` changes `a: {b: …}`; None takes a part out."""
    made: dict[str, Any] = {
        "environment": "shop",
        "contour": contour,
        "stage": stage,
        "hosts": dict(HOSTS),
        "cluster": {
            "kubeconfig": "kubeconfig",
            "context": f"shop-{contour}",
            "identifier": "0b0b0b0b-0000-4000-8000-000000000001",
            "api_server": ["10.0.0.1/32"],
            "pod_networks": ["10.244.0.0/16"],
            "egress_addresses": ["198.51.100.7/32" if contour == "private" else "198.51.100.8/32"],
        },
        "state": {"backend": f"file:///var/lib/larets/shop-{contour}"},
        "images": {"registries": [REGISTRY]}
        | {name: f"{REGISTRY}/{name}@{DIGEST}" for name in ("larets", "database", "edge", "key_service")},
        "edge": {"addresses": ["203.0.113.10" if contour == "private" else "203.0.113.20"]},
        "public_keys": {"audit": AUDIT_KEY} if contour == "private" else {"witness": "w+1+2"},
    }
    if stage == "rehearsal":
        made |= {
            "database": {"kind": "statefulset"},
            "certificates": {"kind": "issued"},
            "sizes": {"web": {"replicas": 1, "max_replicas": 1}},
            "protect_data": False,
        }
        made["edge"] |= {"kind": "proxy", "service": "ClusterIP"}
        made |= {"keys": {"kind": "local-keyring", "local_keyring": "accepted"}} if contour == "private" else {}
    for path, value in changes.items():
        *above, last = path.split("__")
        part = made
        for name in above:
            part = part.setdefault(name, {})
        if value is None:
            del part[last]
        else:
            part[last] = copy.deepcopy(value)
    return made


def settings(contour: str, *, stage: str = "production", **changes: Any) -> StackSettings:
    return settings_of(content(contour, stage=stage, **changes))
