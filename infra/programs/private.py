"""The private half: paths, secrets, certificates, database, key service, vault, edge; telemetry where it is watched."""

import pulumi

from infra.components import vault_pod
from infra.components.certificates import CertificateArgs
from infra.components.key_service import KeyService, KeyServiceArgs
from infra.components.telemetry import Telemetry, TelemetryArgs
from infra.components.vault import Vault
from infra.components.vault_pod import VaultArgs
from infra.contract import Facts
from infra.lib.names import KEYS, VAULT, service_host
from infra.lib.parts import private_networks
from infra.lib.settings import StackSettings
from infra.link import link_of
from infra.material import key_service_host, needed
from infra.programs.common import (
    add_certificates,
    add_database,
    add_edge,
    add_network,
    add_secrets,
    open_place,
    peer_of,
)
from infra.values import Values


def build(settings: StackSettings, values: Values) -> None:
    """Raises ContractChanged, ContractInvalid, CertificateExpired: before anything is registered."""
    peer = peer_of(settings)
    place = open_place(settings)
    args = vault_args(settings, peer)
    network = add_network(settings, peer, place)
    secrets = add_secrets(settings, vault_pod.secrets(args), values, place)
    certificates = add_certificates(settings, _certificates(settings), values, place)
    first: list[pulumi.Resource] = [network, secrets, certificates]
    if settings.keys.kind == "openbao":
        KeyService(_key_service(settings), place, after=first)
    migrations = add_database(settings, place, after=first)
    vaults = Vault(args, place, after=[*first, migrations])
    add_edge(settings, peer, place, after=[*first, vaults])
    if settings.telemetry.kind == "prometheus-operator":
        name = service_host("vault", VAULT)
        Telemetry(TelemetryArgs(settings.telemetry.namespace, "vault", VAULT, "service", name), place, after=first)
    pulumi.export("link", "open" if args.link.open else "closed")
    pulumi.export("origins", {name: f"https://{host}" for name, host in settings.hosts.model_dump().items()})


def vault_args(settings: StackSettings, peer: Facts | None) -> VaultArgs:
    return VaultArgs(
        image=settings.images.larets,
        stage=settings.stage,
        hosts=settings.hosts,
        keys=settings.keys,
        key_service_host=key_service_host(settings),
        link=link_of("private", peer),
        web=settings.sizes.web,
        worker=settings.sizes.worker,
        storage_class=settings.cluster.storage_class,
        shared_storage_class=settings.cluster.shared_storage_class,
        pod_networks=settings.cluster.pod_networks,
        files=settings.files,
        relay_networks=private_networks(settings.relay),
        generation=settings.secrets.generation,
    )


def _certificates(settings: StackSettings) -> tuple[CertificateArgs, ...]:
    """The vault's listener and its clients; the names are those of the material they are made from."""
    found = {one.name: one for one in needed("private", settings) if one.kind == "certificate"}
    placed = {"tls-vault": VAULT, "tls-outbox": VAULT, "tls-metrics": VAULT, "tls-key-service": KEYS}
    return tuple(
        CertificateArgs(
            name, namespace, "keys" if namespace == KEYS else "personal", found[name].hosts, found[name].common_name
        )
        for name, namespace in placed.items()
        if name in found
    )


def _key_service(settings: StackSettings) -> KeyServiceArgs:
    return KeyServiceArgs(
        settings.images.key_service,
        settings.keys.replicas,
        settings.keys.storage,
        settings.cluster.storage_class,
        settings.secrets.generation,
    )
