"""What the workloads may ask for at most, against what their namespace allows: a quota too small is found here."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from infra.lib.parts import WorkloadSize

# Of a namespace, whatever it holds; a contour that needs more is a reason to look at it.
PODS: Final = 60
CPU: Final = 64
MEMORY: Final = "128Gi"
_UNITS: Final = {"Mi": 1, "Gi": 1024, "Ti": 1024 * 1024}


@dataclass(frozen=True, slots=True)
class Demand:
    """Pods, millicores and mebibytes."""

    pods: int
    cpu: int
    memory: int

    def over(self) -> str:
        """What it exceeds, or nothing."""
        bounds = {"pods": (self.pods, PODS), "cpu": (self.cpu, CPU * 1000), "memory": (self.memory, mebibytes(MEMORY))}
        return ", ".join(name for name, (asked, allowed) in bounds.items() if asked > allowed)


def of(sizes: Iterable[WorkloadSize]) -> Demand:
    """Every workload at its largest, while one more pod of each is rolled out."""
    known = list(sizes)
    return Demand(
        sum(one.max_replicas + 1 for one in known),
        sum((one.max_replicas + 1) * millicores(one.cpu_limit) for one in known),
        sum((one.max_replicas + 1) * mebibytes(one.memory) for one in known),
    )


def millicores(text: str) -> int:
    return int(text[:-1]) if text.endswith("m") else int(text) * 1000


def mebibytes(text: str) -> int:
    return int(text[:-2]) * _UNITS[text[-2:]]
