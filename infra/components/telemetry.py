"""Metrics and alarms of the private half, for clusters with the Prometheus operator. Rules and boards are files."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from infra.components.objects import Component, Manifest, Place, metadata
from infra.lib.labels import labels, selector
from infra.lib.names import VAULT, Contour

FOLDER: Final = Path(__file__).parents[1] / "telemetry"


@dataclass(frozen=True, slots=True)
class TelemetryArgs:
    """`server_name`: what the vault's service certificate says; its metrics are for programs with a certificate."""

    namespace: str
    server_name: str


class Telemetry(Component):
    """What to scrape, when to call a person, and the boards to look at."""

    def __init__(self, args: TelemetryArgs, place: Place, *, after: Sequence[Any] = ()) -> None:
        super().__init__("Telemetry", "telemetry", place, after=after)
        for manifest in manifests(args, place.contour):
            self.add(manifest)
        self.register_outputs({})


def alarms() -> dict[str, Any]:
    """The alarm rules, as Prometheus itself reads them."""
    content: dict[str, Any] = yaml.safe_load((FOLDER / "alarms.yaml").read_text("utf-8"))
    return content


def boards() -> dict[str, str]:
    """Grafana's boards by file name."""
    return {path.name: path.read_text("utf-8") for path in sorted(FOLDER.glob("*.json"))}


def manifests(args: TelemetryArgs, contour: Contour) -> list[Manifest]:
    own = labels("telemetry", contour=contour, data_class="none")
    secret = {"name": "tls-metrics"}
    endpoint = {
        "port": "service",
        "scheme": "https",
        "path": "/metrics",
        "interval": "30s",
        "tlsConfig": {
            "serverName": args.server_name,
            "ca": {"secret": secret | {"key": "ca.crt"}},
            "cert": {"secret": secret | {"key": "tls.crt"}},
            "keySecret": secret | {"key": "tls.key"},
        },
    }
    monitor = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": metadata("vault", VAULT, own),
        "spec": {"selector": {"matchLabels": selector("vault")}, "endpoints": [endpoint]},
    }
    rules = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": metadata("larets", VAULT, own),
        "spec": alarms(),
    }
    shown = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata("larets-boards", args.namespace, own | {"grafana_dashboard": "1"}),
        "data": {name: json.dumps(json.loads(text), ensure_ascii=False) for name, text in boards().items()},
    }
    return [monitor, rules, shown]
