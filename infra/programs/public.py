"""The public half: paths, secrets, certificates, database, application, edge, telemetry. What it holds is tokens."""

import pulumi

from infra.components import app
from infra.components.app import App, AppArgs
from infra.components.certificates import CertificateArgs
from infra.components.telemetry import Telemetry, TelemetryArgs
from infra.contract import Facts
from infra.lib.names import APP, service_host
from infra.lib.settings import StackSettings
from infra.link import link_of
from infra.material import needed
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
    args = app_args(settings, peer)
    network = add_network(settings, peer, place)
    secrets = add_secrets(settings, app.secrets(), values, place)
    certificates = add_certificates(settings, _certificates(settings), values, place)
    first: list[pulumi.Resource] = [network, secrets, certificates]
    migrations = add_database(settings, place, after=first)
    application = App(args, place, after=[*first, migrations])
    add_edge(settings, peer, place, after=[*first, application])
    if settings.telemetry.kind == "prometheus-operator":
        name = service_host("app", APP)
        Telemetry(TelemetryArgs(settings.telemetry.namespace, "app", APP, "intake", name), place, after=first)
    pulumi.export("link", "open" if args.link.open else "closed")
    pulumi.export("origins", {"crm": f"https://{settings.hosts.crm}"})


def app_args(settings: StackSettings, peer: Facts | None) -> AppArgs:
    return AppArgs(
        image=settings.images.larets,
        stage=settings.stage,
        hosts=settings.hosts,
        link=link_of("public", peer),
        web=settings.sizes.web,
        worker=settings.sizes.worker,
        generation=settings.secrets.generation,
    )


def _certificates(settings: StackSettings) -> tuple[CertificateArgs, ...]:
    found = {one.name: one for one in needed("public", settings) if one.kind == "certificate"}
    return tuple(
        CertificateArgs(name, APP, "tokens", found[name].hosts, found[name].common_name)
        for name in ("tls-intake", "tls-crm", "tls-metrics")
    )
