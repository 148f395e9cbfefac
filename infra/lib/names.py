"""Names of namespaces, workloads and ports. Everything that is deployed is called by what stands here."""

import hashlib
import re
from typing import Final, Literal

Contour = Literal["private", "public"]
Stage = Literal["rehearsal", "staging", "production"]
Stack = Literal["platform", "private", "public"]
DataClass = Literal["personal", "tokens", "keys", "none"]

PROJECT: Final = "larets"
_NAME: Final = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")

# The one namespace that may hold a Service reached from outside.
EDGE: Final = "edge"
DATA: Final = "data"
KEYS: Final = "keys"
VAULT: Final = "vault"
APP: Final = "app"

# namespace → the most sensitive class of data its pods handle
NAMESPACES: Final[dict[Contour, dict[str, DataClass]]] = {
    "private": {EDGE: "personal", VAULT: "personal", DATA: "personal", KEYS: "keys"},
    "public": {EDGE: "tokens", APP: "tokens", DATA: "tokens"},
}

# Ports that containers listen on; none needs a privilege.
EDGE_BROWSER: Final = 8443
EDGE_SERVICE: Final = 9443
GATEWAY_BROWSER: Final = 10443  # Envoy Gateway moves privileged ports up by 10,000
GATEWAY_SERVICE: Final = 8443
GATEWAY_CONTROL: Final = 18000
CNPG_STATUS: Final = 8000
VAULT_BROWSER: Final = 8200
VAULT_SERVICE: Final = 8201
APP_BROWSER: Final = 8100
APP_INTAKE: Final = 8101
POSTGRES: Final = 5432
BAO: Final = 8200
BAO_RAFT: Final = 8201

# Ports of the edge's one Service: browsers, and the other contour.
PUBLIC_PORT: Final = 443
LINK_PORT: Final = 8443


def is_name(text: str) -> bool:
    """Whether Kubernetes takes it as a name everywhere (a DNS label that begins with a letter)."""
    return _NAME.fullmatch(text) is not None


def suffixed(name: str, *content: str) -> str:
    """`name` and eight digits of what it was made from: another content is another object.

    For objects that Kubernetes does not let change (Jobs): the name tells them apart, never a random part.
    """
    digest = hashlib.sha256("\0".join(content).encode()).hexdigest()[:8]
    return f"{name[:54]}-{digest}"


def service_host(service: str, namespace: str) -> str:
    """The name of a Service inside its cluster, ended by a dot-free suffix that certificates carry too."""
    return f"{service}.{namespace}.svc"


def stacks_of(contour: Contour) -> tuple[Stack, Stack]:
    """What is deployed in a contour, in order."""
    return ("platform", contour)
