"""What the programs of both halves share: the cluster, by three names; the database; the edge."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import pulumi
import pulumi_kubernetes as kubernetes

from infra.clouds.existing import existing
from infra.components import database, edge
from infra.components.certificates import CertificateArgs, CertificateSet
from infra.components.database import Database, DatabaseArgs
from infra.components.edge import Edge, EdgeArgs
from infra.components.migrations import Migrations, MigrationsArgs
from infra.components.network import Network, NetworkArgs
from infra.components.objects import Place
from infra.components.secrets import SecretArgs, SecretSet
from infra.contract import Facts, accepted
from infra.errors import SettingsInvalid
from infra.lib import names, postgres
from infra.lib.names import DATA, EDGE, DataClass
from infra.lib.settings import StackSettings
from infra.material import database_host, database_names, standby_hosts
from infra.paths import paths
from infra.values import Values


def open_place(settings: StackSettings, *, made: Sequence[pulumi.Resource] = ()) -> Place:
    """An explicit provider on exactly one cluster; it never looks at the surroundings.

    Raises:
        SettingsInvalid: the platform has to make the cluster, or nobody has written down yet how it is reached.
    """
    if settings.cluster.awaited:
        raise SettingsInvalid(
            "cluster.kubeconfig, context and identifier are needed here: the cluster is the platform stack's to make",
            hint="plan and apply make it; then name kubeconfig, context and identifier in the settings",
        )
    found = existing(settings)
    provider = kubernetes.Provider(
        "cluster",
        kubeconfig=found.kubeconfig,
        context=found.context,
        cluster_identifier=settings.cluster.identifier,
        enable_server_side_apply=True,
        enable_patch_force=False,
        # An object that the state does not know, of a killed command or of a lost state, is taken over as it is.
        upsert_existing_objects=True,
        suppress_helm_hook_warnings=True,
        opts=pulumi.ResourceOptions(depends_on=list(made)),
    )
    return Place(settings.contour, provider, settings.protect_data)


def peer_of(settings: StackSettings) -> Facts | None:
    """The other contour, if its contract was accepted. Raises ContractChanged, ContractInvalid, CertificateExpired."""
    return accepted(settings, now=datetime.now(UTC))


def data_class(settings: StackSettings) -> DataClass:
    return "personal" if settings.contour == "private" else "tokens"


def add_network(settings: StackSettings, peer: Facts | None, place: Place) -> Network:
    return Network(NetworkArgs(paths(settings, peer)), place)


def add_secrets(settings: StackSettings, own: tuple[SecretArgs, ...], values: Values, place: Place) -> SecretSet:
    """The half's own secrets, its database's, and the addresses by which the database is reached."""
    return SecretSet(
        "secrets",
        (*_database_secrets(settings), *edge.secrets(_edge_args(settings, link_open=False)), *own),
        place,
        how=settings.secrets,
        environment=settings.environment,
        values=values,
    )


def add_certificates(
    settings: StackSettings, own: tuple[CertificateArgs, ...], values: Values, place: Place
) -> CertificateSet:
    kind = data_class(settings)
    found = list(own)
    hosts = settings.hosts
    seen = (hosts.vault, hosts.console, hosts.hooks) if settings.contour == "private" else (hosts.crm,)
    found.append(CertificateArgs("tls-edge", EDGE, kind, seen, issuer=settings.certificates.edge_issuer))
    if settings.database.kind != "external":
        found.append(CertificateArgs("tls-database", DATA, kind, database_names(settings)))
    return CertificateSet(
        tuple(found),
        place,
        how=settings.certificates,
        secrets=settings.secrets,
        environment=settings.environment,
        values=values,
    )


def _database_args(settings: StackSettings) -> DatabaseArgs | None:
    chosen = settings.database
    if chosen.kind == "external":
        return None
    name, owner, runtime = postgres.names(settings.contour == "private")
    return DatabaseArgs(
        chosen.kind, data_class(settings), settings.images.database, name, owner, runtime, chosen.instances,
        chosen.storage, settings.cluster.storage_class, chosen.cpu, chosen.memory, settings.secrets.generation,
    )  # fmt: skip


def _database_secrets(settings: StackSettings) -> tuple[SecretArgs, ...]:
    name, owner, runtime = postgres.names(settings.contour == "private")
    place, kind = settings.vault_namespace, data_class(settings)
    address = partial(postgres.url, host=database_host(settings), port=settings.database.port)
    prefix = "larets_vault" if settings.contour == "private" else "larets_app"
    own = {f"{prefix}_database_url": address(runtime, "database-runtime", database=name)}
    if standbys := standby_hosts(settings):
        reading = partial(postgres.url, runtime, "database-runtime", port=settings.database.port, database=name)
        own[f"{prefix}_replica_urls"] = " ".join(reading(host=host) for host in standbys)
    migrating = {"owner_url": address(owner, "database-owner", database=name)}
    if settings.database.kind == "statefulset":
        migrating |= {
            "superuser_url": address("postgres", "database-superuser", database="postgres"),
            "owner_password": "{database-owner}",
            "runtime_password": "{database-runtime}",
        }
    authority = "{tls-database-crt}" if settings.database.kind == "external" else "{authority-crt}"
    args = _database_args(settings)
    return (
        *(database.secrets(args) if args else ()),
        SecretArgs("runtime", place, kind, own),
        SecretArgs("migration", place, kind, migrating),
        SecretArgs("database-authority", place, kind, {"ca.crt": authority}),
    )


def add_database(settings: StackSettings, place: Place, *, after: list[pulumi.Resource]) -> Migrations:
    """The server, unless it is somebody else's, and the Job that brings its schema up."""
    args = _database_args(settings)
    server = [Database(args, place, after=after)] if args else []
    migrations = MigrationsArgs(
        settings.vault_namespace,
        data_class(settings),
        settings.images.larets,
        settings.secrets.generation,
        settings.database.irreversible,
        roles=settings.database.kind == "statefulset",
    )
    return Migrations(migrations, place, after=[*after, *server])


def add_edge(settings: StackSettings, peer: Facts | None, place: Place, *, after: list[pulumi.Resource]) -> Edge:
    return Edge(_edge_args(settings, link_open=peer is not None or bool(settings.edge.programs)), place, after=after)


def _edge_args(settings: StackSettings, *, link_open: bool) -> EdgeArgs:
    private = settings.contour == "private"
    hosts = settings.hosts
    return EdgeArgs(
        kind=settings.edge.kind,
        data_class=data_class(settings),
        image=settings.images.edge,
        gateway_class=settings.edge.gateway_class,
        service=settings.edge.service,
        load_balancer_class=settings.cluster.load_balancer_class,
        hosts=(hosts.vault, hosts.console, hosts.hooks) if private else (hosts.crm,),
        link_host=hosts.service if private else hosts.intake,
        link_open=link_open,
        target="vault" if private else "app",
        target_namespace=settings.vault_namespace,
        browser_port=names.VAULT_BROWSER if private else names.APP_BROWSER,
        service_port=names.VAULT_SERVICE if private else names.APP_INTAKE,
        size=settings.sizes.edge,
        generation=settings.secrets.generation,
    )
