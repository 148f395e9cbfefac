"""Metrics and alarms of a half, for clusters with the Prometheus operator. Rules and boards are files, by contour."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from infra.components.objects import Component, Manifest, Place, metadata
from infra.lib.labels import labels, selector
from infra.lib.names import Contour

FOLDER: Final = Path(__file__).parents[1] / "telemetry"


@dataclass(frozen=True, slots=True)
class TelemetryArgs:
    """`watched` in `home` shows its metrics on `port` to whoever has the certificate `tls-metrics`. `server_name` is
    what its own certificate says; `namespace` is where Prometheus and its boards are.
    """

    namespace: str
    watched: str
    home: str
    port: str
    server_name: str


class Telemetry(Component):
    """What to scrape, when to call a person, and the boards to look at."""

    def __init__(self, args: TelemetryArgs, place: Place, *, after: Sequence[Any] = ()) -> None:
        super().__init__("Telemetry", "telemetry", place, after=after)
        for manifest in manifests(args, place.contour):
            self.add(manifest)
        self.register_outputs({})


def alarms(contour: Contour) -> dict[str, Any]:
    """The alarm rules, as Prometheus itself reads them."""
    content: dict[str, Any] = yaml.safe_load((FOLDER / contour / "alarms.yaml").read_text("utf-8"))
    return content


def boards(contour: Contour) -> dict[str, str]:
    """Grafana's boards by file name."""
    return {path.name: path.read_text("utf-8") for path in sorted((FOLDER / contour).glob("*.json"))}


def manifests(args: TelemetryArgs, contour: Contour) -> list[Manifest]:
    own = labels("telemetry", contour=contour, data_class="none")
    secret = {"name": "tls-metrics"}
    endpoint = {
        "port": args.port,
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
        "metadata": metadata(args.watched, args.home, own),
        "spec": {"selector": {"matchLabels": selector(args.watched)}, "endpoints": [endpoint]},
    }
    rules = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": metadata("larets", args.home, own),
        "spec": alarms(contour),
    }
    shown = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata("larets-boards", args.namespace, own | {"grafana_dashboard": "1"}),
        "data": {name: json.dumps(json.loads(text), ensure_ascii=False) for name, text in boards(contour).items()},
    }
    return [monitor, rules, shown]
