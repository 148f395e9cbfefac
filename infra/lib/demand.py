"""What a namespace of ours may be asked for at most, against its quota: a setting too large is found before a plan."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from infra.lib.parts import WorkloadSize

# Of a namespace, whatever it holds; a contour that needs more is a reason to look at it.
PODS: Final = 60
CPU: Final = 64
MEMORY: Final = "128Gi"
STORAGE: Final = "2Ti"
ALLOWED: Final = f"{PODS} pods, {CPU} processors, {MEMORY} of memory and {STORAGE} of volumes"
_UNITS: Final = {"Mi": 1, "Gi": 1024, "Ti": 1024 * 1024}


@dataclass(frozen=True, slots=True)
class Demand:
    """Pods, millicores, mebibytes of memory and of volumes."""

    pods: int = 0
    cpu: int = 0
    memory: int = 0
    storage: int = 0

    def __add__(self, other: "Demand") -> "Demand":
        return Demand(
            self.pods + other.pods,
            self.cpu + other.cpu,
            self.memory + other.memory,
            self.storage + other.storage,
        )

    def over(self) -> str:
        """What it exceeds, or nothing."""
        bounds = {
            "pods": (self.pods, PODS),
            "cpu": (self.cpu, CPU * 1000),
            "memory": (self.memory, mebibytes(MEMORY)),
            "storage": (self.storage, mebibytes(STORAGE)),
        }
        return ", ".join(name for name, (asked, allowed) in bounds.items() if asked > allowed)


# A migration's Job and an administrator's command run beside the workloads.
JOBS: Final = Demand(pods=2, cpu=3000, memory=384 + 1024)


def of(sizes: Iterable[WorkloadSize]) -> Demand:
    """Every workload at its largest, while one more pod of each is rolled out."""
    known = list(sizes)
    return Demand(
        sum(one.max_replicas + 1 for one in known),
        sum((one.max_replicas + 1) * millicores(one.cpu_limit) for one in known),
        sum((one.max_replicas + 1) * mebibytes(one.memory) for one in known),
    )


def members(number: int, *, cpu: str, memory: str) -> Demand:
    """Pods of a server, of which no more than its members are there."""
    return Demand(number, number * millicores(cpu), number * mebibytes(memory))


def volumes(*sizes: str, number: int = 1) -> Demand:
    return Demand(storage=number * sum(map(mebibytes, sizes)))


def millicores(text: str) -> int:
    return int(text[:-1]) if text.endswith("m") else int(text) * 1000


def mebibytes(text: str) -> int:
    return int(text[:-2]) * _UNITS[text[-2:]]
