"""The one way into a contour: TLS for browsers by host name; the other contour's connections pass through unopened.

Two ports of one Service: 443, where TLS ends and the Host must be one of ours; 8443 for the other contour alone, passed
on by its server name to the listener that asks for a client certificate itself. Nothing is logged here: an address is
used, never kept.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from infra.components.objects import Component, Manifest, Place, metadata
from infra.components.secrets import SecretArgs
from infra.components.workload import Workload, WorkloadArgs
from infra.lib import proxy
from infra.lib.labels import labels, selector
from infra.lib.names import EDGE, EDGE_BROWSER, EDGE_SERVICE, LINK_PORT, PUBLIC_PORT, DataClass, service_host
from infra.lib.parts import WorkloadSize
from infra.lib.pods import RUN, Mount, Probe, temporary

_HEALTH = 8404


@dataclass(frozen=True, slots=True)
class EdgeArgs:
    """`hosts` end here; `link_host` is passed through once the link is open."""

    kind: Literal["gateway", "proxy"]
    data_class: DataClass
    image: str
    gateway_class: str
    service: Literal["LoadBalancer", "ClusterIP"]
    load_balancer_class: str
    hosts: tuple[str, ...]
    link_host: str
    link_open: bool
    target: str
    target_namespace: str
    browser_port: int
    service_port: int
    size: WorkloadSize
    generation: int


class Edge(Component):
    """Gateway and routes, or a proxy of our own and its Service."""

    def __init__(self, args: EdgeArgs, place: Place, *, after: Sequence[Any] = ()) -> None:
        super().__init__("Edge", "edge", place, after=after)
        own = labels("edge", contour=place.contour, data_class=args.data_class)
        if args.kind == "gateway":
            for manifest in gateway(args, own):
                self.add(manifest)
        else:
            self.add(_configuration(args, own))
            self.add(_service(args, own))
            Workload(_workload(args), place, after=after, parent=self)
        self.register_outputs({})


def secrets(args: EdgeArgs) -> tuple[SecretArgs, ...]:
    """The authority by which the edge knows the listener behind it: a route's policy looks beside its Service."""
    namespace = EDGE if args.kind == "proxy" else args.target_namespace
    return (SecretArgs("edge-authority", namespace, args.data_class, {"ca.crt": "{authority-crt}"}),)


def gateway(args: EdgeArgs, own: dict[str, str]) -> list[Manifest]:
    """Gateway API: a listener per host, a route in the workload's namespace, and what may refer to what."""
    spoken = {"group": "", "kind": "Secret", "name": "tls-edge"}
    carried = {key: value for key, value in own.items() if "/" not in key}  # by the pods the controller makes
    allowed = {"namespaces": {"from": "Selector", "selector": {"matchLabels": {
        "kubernetes.io/metadata.name": args.target_namespace}}}}  # fmt: skip
    listeners: list[dict[str, Any]] = [
        {
            "name": f"host-{number}", "port": PUBLIC_PORT, "protocol": "HTTPS", "hostname": host,
            "tls": {"mode": "Terminate", "certificateRefs": [spoken]}, "allowedRoutes": allowed,
        }
        for number, host in enumerate(args.hosts)
    ]  # fmt: skip
    if args.link_open:
        listeners.append({
            "name": "link", "port": LINK_PORT, "protocol": "TLS", "hostname": args.link_host,
            "tls": {"mode": "Passthrough"}, "allowedRoutes": allowed,
        })  # fmt: skip
    found = [
        _object("Gateway", "edge", EDGE, own, {
            "gatewayClassName": args.gateway_class,
            "listeners": listeners,
            "infrastructure": {"labels": carried},
        }),
        _object("HTTPRoute", "browsers", args.target_namespace, own, {
            "parentRefs": [{"name": "edge", "namespace": EDGE, "port": PUBLIC_PORT}],
            "hostnames": list(args.hosts),
            "rules": [{"backendRefs": [{"name": args.target, "port": args.browser_port}]}],
        }),
    ]  # fmt: skip
    found.append(_object("BackendTLSPolicy", "browsers", args.target_namespace, own, {
        "targetRefs": [{"group": "", "kind": "Service", "name": args.target, "sectionName": "browser"}],
        "validation": {
            "caCertificateRefs": [{"group": "", "kind": "Secret", "name": "edge-authority"}],
            "hostname": service_host(args.target, args.target_namespace),
        },
    }))  # fmt: skip
    if args.link_open:
        found.append(_object("TLSRoute", "link", args.target_namespace, own, {
            "parentRefs": [{"name": "edge", "namespace": EDGE, "sectionName": "link"}],
            "hostnames": [args.link_host],
            "rules": [{"backendRefs": [{"name": args.target, "port": args.service_port}]}],
        }))  # fmt: skip
    return found


def _object(kind: str, name: str, namespace: str, own: dict[str, str], spec: dict[str, Any]) -> Manifest:
    version = "gateway.networking.k8s.io/v1"
    return {"apiVersion": version, "kind": kind, "metadata": metadata(name, namespace, own), "spec": spec}


def proxy_text(args: EdgeArgs) -> str:
    return proxy.text(
        hosts=args.hosts,
        link_host=args.link_host if args.link_open else "",
        upstream=service_host(args.target, args.target_namespace),
        browser_port=args.browser_port,
        service_port=args.service_port,
        health_port=_HEALTH,
    )


def configuration(args: EdgeArgs) -> dict[str, str]:
    """The files that the proxy reads."""
    return {"haproxy.cfg": proxy_text(args), "certificates.lua": proxy.watching()}


def _workload(args: EdgeArgs) -> WorkloadArgs:
    ports = {"browser": EDGE_BROWSER} | ({"link": EDGE_SERVICE} if args.link_open else {})
    pem = {"tls.crt": "edge.pem", "tls.key": "edge.pem.key"}  # a key beside its certificate, as HAProxy looks for it
    return WorkloadArgs(
        name="edge",
        namespace=EDGE,
        data_class=args.data_class,
        image=args.image,
        command=("haproxy", "-W", "-db", "-f", f"{RUN}/config/haproxy.cfg"),
        size=args.size,
        mounts=(
            Mount("config", f"{RUN}/config", config="edge"),
            Mount("tls", f"{RUN}/tls", secret="tls-edge", items=pem),  # noqa: S106  a name
            Mount("authority", f"{RUN}/authority", secret="edge-authority"),  # noqa: S106
            temporary("16Mi"),
        ),
        probe=Probe(_HEALTH, ready="/healthz"),
        generation=args.generation,
        config=hashlib.sha256(json.dumps(configuration(args)).encode()).hexdigest()[
            :16
        ],  # it is read once, at the start
        ports=ports,
        service=False,  # this namespace has one Service, and it is the edge's own
    )


def _configuration(args: EdgeArgs, own: dict[str, str]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata("edge", EDGE, own),
        "data": configuration(args),
    }


def _service(args: EdgeArgs, own: dict[str, str]) -> Manifest:
    """The one Service of this namespace, and the only one in the contour that may be reached from outside."""
    ports = [{"name": "browser", "port": PUBLIC_PORT, "targetPort": EDGE_BROWSER, "protocol": "TCP"}]
    if args.link_open:
        ports.append({"name": "link", "port": LINK_PORT, "targetPort": EDGE_SERVICE, "protocol": "TCP"})
    spec: dict[str, Any] = {"type": args.service, "selector": selector("edge"), "ports": ports}
    if args.service == "LoadBalancer":
        spec |= {"allocateLoadBalancerNodePorts": False, "externalTrafficPolicy": "Local"}
        spec |= {"loadBalancerClass": args.load_balancer_class} if args.load_balancer_class else {}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata("edge", EDGE, own), "spec": spec}
