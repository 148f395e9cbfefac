"""Who may reach whom: the whole list, and the only one. Network policies are made from it and tests hold them to it.

Everything that is not here is refused: each namespace denies by default, both ways.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from infra.contract import Facts
from infra.lib import names
from infra.lib.labels import selector
from infra.lib.names import APP, DATA, EDGE, KEYS, VAULT, Contour
from infra.lib.settings import StackSettings

INTERNET: Final = {"ipv4": "0.0.0.0/0", "ipv6": "::/0"}
# Where clouds tell machines their credentials; no pod has any business there.
METADATA: Final = {"0.0.0.0/0": ("169.254.0.0/16",), "::/0": ("fd00:ec2::254/128", "fe80::/10")}


@dataclass(frozen=True, slots=True)
class Pods:
    """Pods of a namespace by their labels."""

    namespace: str
    labels: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.namespace}/{self.labels[0][1] if self.labels else '*'}"


@dataclass(frozen=True, slots=True)
class Networks:
    """Addresses outside the cluster."""

    name: str
    networks: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


End = Pods | Networks


@dataclass(frozen=True, slots=True)
class Path:
    """One intended way: from whom, to whom, at which ports."""

    name: str
    source: End
    target: End
    ports: tuple[int, ...]
    protocols: tuple[str, ...] = ("TCP",)


def pods(namespace: str, name: str) -> Pods:
    return Pods(namespace, tuple(selector(name).items()))


DNS: Final = Pods("kube-system", (("k8s-app", "kube-dns"),))


def edge_pods(settings: StackSettings) -> Pods:
    """The proxy's pods, or those that Envoy Gateway makes in the Gateway's namespace."""
    if settings.edge.kind == "gateway":
        return Pods(EDGE, (("gateway.envoyproxy.io/owning-gateway-name", "edge"),))
    return pods(EDGE, "edge")


def edge_ports(settings: StackSettings) -> tuple[int, int]:
    """Of the edge's pods: for browsers, for the other contour."""
    if settings.edge.kind == "gateway":
        return names.GATEWAY_BROWSER, names.GATEWAY_SERVICE
    return names.EDGE_BROWSER, names.EDGE_SERVICE


def paths(settings: StackSettings, peer: Facts | None) -> tuple[Path, ...]:
    """Every path of a contour. Without an accepted `peer` none leads to or from the other contour."""
    own = _private(settings, peer) if settings.contour == "private" else _public(settings, peer)
    found = [*_edge(settings, peer), *own, *_database(settings)]
    workers = {end for path in found for end in (path.source, path.target) if isinstance(end, Pods)}
    inside = names.NAMESPACES[settings.contour]
    dns = [
        Path(f"{end} → DNS", end, DNS, (53,), ("UDP", "TCP"))
        for end in sorted(workers, key=str)
        if end.namespace in inside
    ]
    return (*found, *dns)


def ways(found: Iterable[Path], contour: Contour) -> frozenset[str]:
    """What policies of a contour's own namespaces may open, as the rule `only_intended_paths` reads them."""
    inside = names.NAMESPACES[contour]
    return frozenset(
        f"{_spelt(own)} {word} {end}: {protocol} {port}"
        for path in found
        for own, word, other in ((path.target, "from", path.source), (path.source, "to", path.target))
        if isinstance(own, Pods) and own.namespace in inside
        for end in ([_spelt(other)] if isinstance(other, Pods) else map(_excepting, other.networks))
        for protocol in path.protocols
        for port in path.ports
    )


def _spelt(end: Pods) -> str:
    return f"{end.namespace}/{','.join(f'{key}={value}' for key, value in sorted(end.labels)) or '*'}"


def _excepting(network: str) -> str:
    return f"{network} except {', '.join(METADATA[network])}" if network in METADATA else network


def _edge(settings: StackSettings, peer: Facts | None) -> Iterator[Path]:
    edge, (browser, service) = edge_pods(settings), edge_ports(settings)
    main = pods(VAULT, "vault") if settings.contour == "private" else pods(APP, "app")
    browser_port, service_port = _listeners(settings)
    internet = Networks("internet", tuple(INTERNET[family] for family in settings.cluster.families))
    yield Path("internet → edge", internet, edge, (browser,))
    yield Path("edge → browser listener", edge, main, (browser_port,))
    if peer is not None:
        yield Path("other contour → edge", Networks("other contour", peer.egress), edge, (service,))
    if settings.edge.programs:
        yield Path("programs → edge", Networks("programs", settings.edge.programs), edge, (service,))
    if peer is not None or settings.edge.programs:
        yield Path("edge → service listener", edge, main, (service_port,))
    if settings.edge.kind == "gateway":
        control = Pods(settings.edge.gateway_namespace, ())
        yield Path("edge → gateway controller", edge, control, (names.GATEWAY_CONTROL,))


def _listeners(settings: StackSettings) -> tuple[int, int]:
    if settings.contour == "private":
        return names.VAULT_BROWSER, names.VAULT_SERVICE
    return names.APP_BROWSER, names.APP_INTAKE


def _private(settings: StackSettings, peer: Facts | None) -> Iterator[Path]:
    vault, worker, database = pods(VAULT, "vault"), pods(VAULT, "vault-worker"), _database_end(settings)
    command = pods(VAULT, "command")
    for source in (vault, worker, command, pods(VAULT, "migrate")):
        yield Path(f"{source} → database", source, database, (settings.database.port,))
    if peer is not None:
        target = Networks("other contour's intake", _single(peer))
        yield Path("outbox, witness, erasure → application", worker, target, (peer.link_port,))
        yield Path("a command → witness", command, target, (peer.link_port,))
    if settings.keys.kind == "openbao":
        keys = pods(KEYS, "key-service")
        for source in (vault, worker, command):
            yield Path(f"{source} → key service", source, keys, (names.BAO,))
        yield Path("key service, among its members", keys, keys, (names.BAO, names.BAO_RAFT))
    if settings.keys.kind == "external":
        for source in (vault, worker, command):
            target = Networks("key service", settings.keys.addresses)
            yield Path(f"{source} → key service", source, target, (settings.keys.port,))
    yield from _outside(settings)
    yield from _watched(settings, vault, names.VAULT_SERVICE)


def _watched(settings: StackSettings, target: Pods, port: int) -> Iterator[Path]:
    if settings.telemetry.kind == "prometheus-operator":
        watcher = Pods(settings.telemetry.namespace, ((next(iter(selector("prometheus"))), "prometheus"),))
        yield Path("metrics → the listener that asks for certificates", watcher, target, (port,))


def _outside(settings: StackSettings) -> Iterator[Path]:
    """Where the private contour's own processes call beyond it."""
    vault, worker = pods(VAULT, "vault"), pods(VAULT, "vault-worker")
    if settings.files.kind == "s3":
        for source in (vault, worker):
            target = Networks("bucket of files", settings.files.addresses)
            yield Path(f"{source} → bucket of files", source, target, (settings.files.port,))
    for host in settings.relay:
        yield Path(f"relay → {host.host}", worker, Networks(host.host, host.addresses), (host.port,))


def _public(settings: StackSettings, peer: Facts | None) -> Iterator[Path]:
    app, worker, database = pods(APP, "app"), pods(APP, "app-worker"), _database_end(settings)
    for source in (app, worker, pods(APP, "command"), pods(APP, "migrate")):
        yield Path(f"{source} → database", source, database, (settings.database.port,))
    if peer is not None:
        target = Networks("other contour's service listener", _single(peer))
        for source, what in ((app, "application"), (worker, "application's worker")):
            yield Path(f"{what} → vault's service listener and issuer", source, target, (peer.link_port,))
    yield from _watched(settings, app, names.APP_INTAKE)


def _database(settings: StackSettings) -> Iterator[Path]:
    if settings.database.kind != "cloudnative-pg":
        return
    postgres = _database_end(settings)
    operator = Pods(settings.database.operator_namespace, ())
    api = Networks("API server", settings.cluster.api_server)
    yield Path("database, among its members", postgres, postgres, (names.POSTGRES, names.CNPG_STATUS))
    yield Path("operator → database", operator, postgres, (names.POSTGRES, names.CNPG_STATUS))
    yield Path("database → API server", postgres, api, (settings.cluster.api_server_port,))


def _database_end(settings: StackSettings) -> End:
    match settings.database.kind:
        case "external":
            return Networks("database", settings.database.addresses)
        case "cloudnative-pg":
            return Pods(DATA, (("cnpg.io/cluster", "postgres"),))
        case "statefulset":
            return pods(DATA, "postgres")


def _single(peer: Facts) -> tuple[str, ...]:
    return tuple(f"{address}/{128 if ':' in address else 32}" for address in peer.link_addresses)
