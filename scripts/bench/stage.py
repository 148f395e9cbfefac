"""The instance that is measured: the shipped processes and settings, in a folder and on ports of its own."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scripts.bench.client import Target
from scripts.local import postgres
from scripts.local.demo import seed
from scripts.local.instance import CONTOURS, Instance, InstanceProblem, Ports, home
from scripts.local.keys import PROGRAM
from scripts.local.processes import SERVICES, stop
from scripts.local.sockets import free_ports
from scripts.local.start import alone, bring_up, start_services
from scripts.voice import say

WORKERS: Final = 2


@dataclass(frozen=True, slots=True)
class Stage:
    """A running instance with its demo shop."""

    instance: Instance
    demo: dict[str, Any]

    @property
    def tenant(self) -> str:
        return str(self.demo["tenant"])

    @property
    def service(self) -> Target:
        """The service listener, as the private program sees it."""
        tls, keys = self.instance.tls("private"), self.instance.secrets("private")
        own = (tls / "ca.crt", tls / f"{PROGRAM}.crt", keys / f"{PROGRAM}.key")
        return Target(f"127.0.0.1:{self.instance.ports.service}", own)

    @property
    def headers(self) -> dict[str, str]:
        return {"host": "127.0.0.1", "content-type": "application/json", "larets-tenant": self.tenant}

    def restart_vault(self) -> None:
        """Its workers forget every key."""
        stop(self.instance, [service for service in SERVICES if service.name == "vault"])
        start_services(self.instance, ("private",))


@contextmanager
def open_stage(*, keep: bool) -> Iterator[Stage]:
    """An instance made from nothing and removed at the end, unless it is to be kept."""
    place = home() / "bench"
    ports = free_ports(6)
    instance = Instance(place, Ports(*ports), WORKERS)
    with alone(instance):
        _remove(instance)
        try:
            instance.save()
            bring_up(instance, CONTOURS, say=lambda step: say(f"  {step} …"))
            yield Stage(instance, seed(instance))
        finally:
            if keep:
                say(f"kept: LARETS_HOME={place}")
            else:
                _remove(instance)


def _remove(instance: Instance) -> None:
    """Stop what runs there, this run's or an interrupted one's, and delete its folder."""
    stop(instance)
    for contour in CONTOURS:
        if postgres.running(instance.postgres(contour)):
            postgres.stop(instance.postgres(contour))
    for part in ("data", "secrets"):
        _delete(instance.home / part)
    (instance.home / "instance.json").unlink(missing_ok=True)


def _delete(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        message = f"{folder} of an earlier bench cannot be deleted: end what runs there, delete it and try again"
        raise InstanceProblem(message)
