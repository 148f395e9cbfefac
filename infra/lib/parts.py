"""The parts of a stack's settings. Defaults are secure; a weakening is written out, and production refuses it."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

# Bits of a network; one with fewer is no peer but the internet. The rule `only_intended_paths` draws the same line.
WIDEST: Final = 8
_HOST = re.compile(r"(?=.{4,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")
_SIZE = re.compile(r"[1-9][0-9]{0,4}(Mi|Gi|Ti)")
_PLACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_CPU = re.compile(r"[1-9][0-9]{0,4}m|[1-9][0-9]?")


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError("allowed: a host name in lower case without scheme, port or path, such as crm.example.ru")
    return text


def _network(text: str) -> str:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise ValueError("allowed: a network such as 203.0.113.10/32") from None
    if network.prefixlen < WIDEST:
        raise ValueError("the whole internet is not a peer; allowed: a network such as 203.0.113.10/32")
    return str(network)


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("allowed: an IP address such as 203.0.113.10") from None


def _group(text: str) -> str:
    if not text.strip() or text.startswith("system:"):
        raise ValueError("allowed: a group of people that your authenticator names; `system:` is the cluster's own")
    return text


def _matching(pattern: re.Pattern[str], allowed: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            message = f"allowed: {allowed}"
            raise ValueError(message)
        return text

    return AfterValidator(check)


Host = Annotated[str, AfterValidator(_host)]
Network = Annotated[str, AfterValidator(_network)]
Group = Annotated[str, AfterValidator(_group)]
Address = Annotated[str, AfterValidator(_address)]
Size = Annotated[str, _matching(_SIZE, "a size such as 512Mi or 50Gi")]
Cpu = Annotated[str, _matching(_CPU, "processor time such as 250m or 2")]
Folder = Annotated[str, _matching(re.compile(r"(\w[\w.-]*/)+"), "a folder of the bucket such as larets-vault/")]
ObjectName = Annotated[str, _matching(re.compile(r"[a-z]([a-z0-9.-]{0,251}[a-z0-9])?"), "a Kubernetes name")]
Uid = Annotated[
    str,
    _matching(
        re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        "the UID of namespace kube-system: kubectl get namespace kube-system -o jsonpath={.metadata.uid}",
    ),
]
Port = Annotated[int, Field(ge=1, le=65535)]


class Part(BaseModel):
    """Unknown keys are refused: a misspelt safeguard must not look like one."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Hosts(Part):
    """Host names of both halves; the same in both contours, and of one site."""

    crm: Host
    intake: Host
    vault: Host
    console: Host
    hooks: Host
    service: Host


class Cluster(Part):
    """Which cluster, three times over: the file, the context in it, and the cluster's own identifier."""

    adapter: Literal["kubeconfig", "yandex", "vkcloud", "selectel"] = "kubeconfig"
    kubeconfig: str = ""
    context: str = ""
    identifier: Uid | Literal[""] = ""
    kubernetes: Annotated[str, _matching(re.compile(r"1\.\d{2}"), "a version such as 1.36")] = "1.36"
    storage_class: ObjectName | Literal[""] = ""
    shared_storage_class: ObjectName | Literal[""] = Field(
        "", description="volumes that pods of several nodes write to (the erasure journal); empty: storage_class"
    )
    load_balancer_class: str = ""
    pod_networks: tuple[Network, ...] = Field((), description="of this cluster's pods: whence the edge calls the vault")
    families: tuple[Literal["ipv4", "ipv6"], ...] = Field(
        ("ipv4", "ipv6"),
        min_length=1,
        description="of the pods' addresses; leave out what the cluster has not: some plug-ins take no rule of it",
    )
    egress_addresses: tuple[Network, ...] = ()
    api_server: tuple[Network, ...] = ()
    api_server_port: Port = 6443
    cloud: dict[str, str] = Field(default_factory=dict, description="what the cloud's adapter asks for, docs/clouds.md")

    @property
    def awaited(self) -> bool:
        """Has the platform stack to make it, or has nobody written down yet which one it made?"""
        return self.adapter != "kubeconfig" and not self.identifier


class SealedBy(Part):
    """The key of a transit engine (Vault, OpenBao, Stronghold) that seals this contour's passphrase."""

    url: Annotated[str, _matching(re.compile(r"https://[a-z0-9.-]+(:\d{1,5})?"), "https://host:port, without a path")]
    ca: str = Field("", description="file of the authority that signed its certificate; empty: the system's")
    mount: Annotated[str, _matching(_PLACE, "the name of a mount")] = Field(
        "larets-state", description="never the vault's own, whose policy decrypts by every key of it"
    )
    key: Annotated[str, _matching(_PLACE, "the name of a key, which is of this contour alone")]
    role: str = Field(min_length=1, description="role id by which this contour's administrator signs in (AppRole)")
    secret_id_file: Annotated[str, _matching(re.compile(r".*[/.].*"), "the path of a file, such as ./secret-id")]
    namespace: str = Field("", description="of the key service, where it has several")


class State(Part):
    """Where Pulumi keeps this contour's state; never shared with another contour or environment."""

    backend: Annotated[
        str, _matching(re.compile(r"(file|s3|gs|azblob)://.+"), "file:///folder or s3://bucket; own to this contour")
    ]
    sealed_by: SealedBy | None = Field(None, description="a key service for the passphrase; none: it is in a file")


class Images(Part):
    """What runs, by digest. `larets` holds this contour's processes: the vault's image or the application's."""

    registries: tuple[str, ...] = Field(min_length=1)
    larets: str
    database: str = ""
    edge: str = ""
    key_service: str = ""


class Edge(Part):
    """The one way in: Gateway API of the cluster, or a proxy of our own with one Service."""

    kind: Literal["gateway", "proxy"] = "gateway"
    gateway_class: str = "larets"
    gateway_namespace: ObjectName = "envoy-gateway-system"
    service: Literal["LoadBalancer", "ClusterIP"] = "LoadBalancer"
    addresses: tuple[Address, ...] = Field(default=(), description="where the internet and the other contour reach it")
    programs: tuple[Network, ...] = Field(
        (), description="private contour: whence its programs call the service listener with their certificates"
    )


class Database(Part):
    """PostgreSQL: a CloudNativePG cluster, one plain pod (rehearsal), or somebody else's machine."""

    kind: Literal["cloudnative-pg", "statefulset", "external"] = "cloudnative-pg"
    instances: int = Field(3, ge=1, le=9)
    storage: Size = "50Gi"
    irreversible: Literal["refused", "accepted"] = Field("refused", description="migrations that cannot be undone")
    cpu: Cpu = "1"
    memory: Size = "2Gi"
    host: Host | Literal[""] = ""
    addresses: tuple[Network, ...] = ()
    port: Port = 5432
    operator_namespace: ObjectName = "cnpg-system"
    standbys: tuple[Host, ...] = Field(
        (), description="hot standbys of an external database that may answer reads of the vault, within `addresses`"
    )


class Keys(Part):
    """The key service: our own OpenBao, an existing Vault or Stronghold, or a keyring file (rehearsal)."""

    kind: Literal["openbao", "external", "local-keyring"] = "openbao"
    replicas: Literal[3, 5] = 3
    storage: Size = "10Gi"
    host: Host | Literal[""] = ""
    addresses: tuple[Network, ...] = ()
    port: Port = 8200
    mount: str = "larets"
    auth: Literal["approle", "kubernetes"] = Field("approle", description="how pods sign in; kubernetes: external only")
    auth_mount: str = Field("", description="where the sign-in is mounted; empty: under its own name")
    namespace: str = Field("", description="of the key service, where it has several")
    fingerprint: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = Field(
        "", description="SHA-256 of its certificate: then no other one is believed, whoever signed it"
    )
    role: str = Field("larets-vault", description="by which the vault signs in: a role id (AppRole), or a role's name")
    operator_role: str = Field("", description="by which commands sign in that rotate and trim; empty: the vault's own")
    state: Literal["ready", "empty"] = Field(
        "ready", description="empty: the vault is not started yet, since the key service has no keys for it"
    )
    local_keyring: Literal["refused", "accepted"] = "refused"


class Files(Part):
    """Recordings and documents: none, a volume that all pods share, or a bucket in this contour. Always encrypted."""

    kind: Literal["off", "volume", "s3"] = "off"
    storage: Size = "100Gi"
    host: Host | Literal[""] = ""
    addresses: tuple[Network, ...] = ()
    port: Port = 443
    region: str = "ru-1"
    bucket: str = ""
    prefix: Annotated[str, _matching(re.compile(r"([\w.-]+/)+"), "a folder of the bucket such as larets-vault/")] = (
        "larets-vault/"
    )


class Certificates(Part):
    """cert-manager, or certificates made by `larets` and put into the cluster once."""

    kind: Literal["cert-manager", "issued"] = "cert-manager"
    edge_issuer: str = Field(
        "", description="ClusterIssuer of the certificates browsers see; empty: this contour's own"
    )
    namespace: ObjectName = "cert-manager"


class Secrets(Part):
    """External Secrets, secrets made once by `larets`, or ones that somebody else puts there."""

    kind: Literal["external-secrets", "created", "existing"] = "created"
    store: str = Field("", description="ClusterSecretStore that External Secrets reads from")
    path: str = "larets"
    generation: int = Field(1, ge=1, description="raised by every rotation, so that pods are started anew")


class Telemetry(Part):
    """Metrics and alarms through the Prometheus operator, where it is."""

    kind: Literal["prometheus-operator", "none"] = "none"
    namespace: ObjectName = "monitoring"


class RelayHost(Part):
    """A host the relay may call: a partner's, or a mail server inside. Network policies know addresses only, so both
    are written down; private addresses are called because they stand here, and no others.
    """

    host: Host
    addresses: tuple[Network, ...] = Field(min_length=1)
    port: Port = 443


def private_networks(hosts: Iterable[RelayHost]) -> tuple[str, ...]:
    """Those of the relay's hosts that stand inside: the vault itself refuses every other private address."""
    found = {network for host in hosts for network in host.addresses if not ipaddress.ip_network(network).is_global}
    return tuple(sorted(found))


class Peer(Part):
    """The other contour: its contract's file, and the fingerprint a person has read and accepted."""

    contract: str = ""
    fingerprint: Annotated[str, _matching(re.compile(r"(sha256:[0-9a-f]{64})?"), "sha256:<64 digits>")] = ""


class WorkloadSize(Part):
    """How many pods of a workload, and how large each is."""

    replicas: int = Field(2, ge=1, le=50)
    max_replicas: int = Field(6, ge=1, le=200)
    cpu: Cpu = "250m"
    cpu_limit: Cpu = "2"
    memory: Size = "512Mi"


class Sizes(Part):
    """Sizes of the workloads. `web` is the vault or the application, `worker` its worker."""

    web: WorkloadSize = WorkloadSize()
    worker: WorkloadSize = WorkloadSize(replicas=1, max_replicas=1, memory="384Mi")
    edge: WorkloadSize = WorkloadSize(cpu="100m", memory="128Mi")


class Access(Part):
    """Groups of people at the API server, as its authenticator names them; empty: nobody is bound."""

    operators: tuple[Group, ...] = ()
    officers: tuple[Group, ...] = ()
