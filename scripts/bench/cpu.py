"""Processor time of the measured processes: it tells where the time goes, and a busy machine hardly moves it."""

from dataclasses import dataclass
from typing import Final

import psutil

from scripts.local.instance import Instance
from scripts.local.postgres import Cluster
from scripts.local.processes import SERVICES, running

VAULT: Final = next(service for service in SERVICES if service.name == "vault")


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of processor time since the processes started."""

    vault: float
    postgres: float

    def since(self, earlier: "Spent") -> "Spent":
        return Spent(self.vault - earlier.vault, self.postgres - earlier.postgres)


@dataclass(frozen=True, slots=True)
class Meter:
    instance: Instance

    def read(self) -> Spent:
        """What the vault with its workers and the private PostgreSQL with its backends have spent so far."""
        vault = running(self.instance, VAULT)
        cluster = Cluster(self.instance.postgres("private"), self.instance.ports.private_postgres, "")
        return Spent(_family(vault) if vault else 0.0, _family(psutil.Process(cluster.pid)))


def _family(parent: psutil.Process) -> float:
    """The parent, its living children and those it has buried."""
    total = sum(parent.cpu_times()[:4])  # own user and system, then the same of children that have ended
    for child in parent.children(recursive=True):
        try:
            total += sum(child.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return float(total)
