"""What the programs know of a cluster, wherever it came from."""

from dataclasses import dataclass
from typing import Any

import pulumi


@dataclass(frozen=True, slots=True)
class ClusterHandle:
    """`kubeconfig` is a path or secret. `identifier` is empty until the cluster is there and was looked at."""

    kubeconfig: pulumi.Input[str]
    context: pulumi.Input[str]
    identifier: pulumi.Input[str]
    storage_class: str
    load_balancer_class: str
    egress_addresses: pulumi.Input[list[str]]
    object_storage: str
    made: tuple[Any, ...] = ()
