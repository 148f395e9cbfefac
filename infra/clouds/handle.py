"""What the programs know of a cluster, wherever it came from."""

from dataclasses import dataclass
from typing import Any

import pulumi


@dataclass(frozen=True, slots=True)
class ClusterHandle:
    """`kubeconfig` is a path, or a secret of a cluster that was made; `made` is what that consists of."""

    kubeconfig: pulumi.Input[str]
    context: pulumi.Input[str]
    made: tuple[Any, ...] = ()
