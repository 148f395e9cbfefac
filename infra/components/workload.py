"""A workload without state: deployment, account, service, disruption budget, autoscaler."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from infra.components.objects import Component, Manifest, Place, metadata
from infra.lib.labels import labels, selector
from infra.lib.names import DataClass
from infra.lib.parts import WorkloadSize
from infra.lib.pods import Container, Mount, Pod, Probe


@dataclass(frozen=True, slots=True)
class WorkloadArgs:
    """`generation` and `config` are told to the pods, so that a rotation or a new setting starts them anew.

    Without `pods` there is nothing but the Service: its name and address stand before what serves it.
    """

    name: str
    namespace: str
    data_class: DataClass
    image: str
    command: tuple[str, ...]
    size: WorkloadSize
    env: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    service: bool = True
    mounts: tuple[Mount, ...] = ()
    probe: Probe | None = None
    before: tuple[Container, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    generation: int = 1
    config: str = ""
    pods: bool = True


class Workload(Component):
    """The objects of a stateless workload."""

    def __init__(
        self, args: WorkloadArgs, place: Place, *, after: Sequence[pulumi.Resource] = (), parent: Any = None
    ) -> None:
        super().__init__("Workload", f"{args.namespace}/{args.name}", place, after=after, parent=parent)
        own = labels(args.name, contour=place.contour, data_class=args.data_class)
        if args.pods:
            self._after.append(self.add(_account(args, own)))
        for manifest in manifests(args, own):
            self.add(manifest)
        self.register_outputs({})


def manifests(args: WorkloadArgs, own: Mapping[str, str]) -> list[Manifest]:
    found = [_deployment(args, own), _budget(args, own)] if args.pods else []
    if args.ports and args.service:
        found.append(_service(args, own))
    if args.pods and _scaled(args):
        found.append(_autoscaler(args, own))
    return found


def _scaled(args: WorkloadArgs) -> bool:
    return args.size.max_replicas > args.size.replicas


def _account(args: WorkloadArgs, own: Mapping[str, str]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(args.name, args.namespace, own),
        "automountServiceAccountToken": False,
    }


def _deployment(args: WorkloadArgs, own: Mapping[str, str]) -> Manifest:
    container = Container(
        args.name, args.image, args.command, args.size,
        env=args.env, ports=args.ports, mounts=args.mounts, probe=args.probe,
    )  # fmt: skip
    annotations = {"larets/generation": str(args.generation)} | ({"larets/config": args.config} if args.config else {})
    pod = Pod(container, own, before=args.before, annotations=annotations, aliases=args.aliases, account=args.name)
    spec = {
        "selector": {"matchLabels": selector(args.name)},
        "revisionHistoryLimit": 5,
        "progressDeadlineSeconds": 600,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": pod.template(),
    }
    # Where an autoscaler sets the number, a number here would be a quarrel between two owners of one field.
    if not _scaled(args):
        spec["replicas"] = args.size.replicas
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(args.name, args.namespace, own),
        "spec": spec,
    }


def _budget(args: WorkloadArgs, own: Mapping[str, str]) -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(args.name, args.namespace, own),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": selector(args.name)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def _service(args: WorkloadArgs, own: Mapping[str, str]) -> Manifest:
    ports = [{"name": name, "port": port, "targetPort": port, "protocol": "TCP"} for name, port in args.ports.items()]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(args.name, args.namespace, own),
        "spec": {"type": "ClusterIP", "selector": selector(args.name), "ports": ports},
    }


def _autoscaler(args: WorkloadArgs, own: Mapping[str, str]) -> Manifest:
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
    }
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(args.name, args.namespace, own),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": args.name},
            "minReplicas": args.size.replicas,
            "maxReplicas": args.size.max_replicas,
            "metrics": [metric],
        },
    }
