"""Bring the processes of an instance up: checks first, then databases, keys and services, side by side."""

import fcntl
import http.client
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from typing import Final

from scripts.local import keys, postgres
from scripts.local.databases import prepare_database, start_cluster
from scripts.local.instance import CONTOURS, Contour, Instance, InstanceProblem
from scripts.local.processes import SERVICES, Service, running, start, wait_until
from scripts.local.sockets import port_taken

NEEDED_BYTES: Final = 500 * 1024**2
Say = Callable[[str], None]


@contextmanager
def alone(instance: Instance) -> Iterator[None]:
    """One starter at a time.

    Raises:
        InstanceProblem: another one is at work.
    """
    instance.home.mkdir(parents=True, exist_ok=True)
    with (instance.home / "starting.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = "another `larets up` or `down` is at work on this instance: wait for it to end"
            raise InstanceProblem(message) from None
        yield


def check(instance: Instance, contours: Sequence[Contour]) -> None:
    """What can be known before anything is started.

    Raises:
        InstanceProblem: a port is taken by somebody else, or the disk is nearly full.
    """
    free = shutil.disk_usage(instance.home).free
    if free < NEEDED_BYTES:
        message = f"only {free // 1024**2} MiB of disk space is free, 500 are needed: free some and try again"
        raise InstanceProblem(message)
    wanted: dict[int, str] = {}
    ports = instance.ports
    for contour, cluster_port in (("private", ports.private_postgres), ("public", ports.public_postgres)):
        if contour in contours and not postgres.running(instance.home / "data" / contour / "postgres"):
            wanted[cluster_port] = f"{contour} PostgreSQL"
    listeners = {"vault": (ports.vault, ports.service), "app": (ports.crm, ports.intake)}
    for service in SERVICES:
        if service.contour in contours and not running(instance, service):
            wanted |= dict.fromkeys(listeners.get(service.name, ()), service.name)
    taken = [f"{port} ({name})" for port, name in wanted.items() if port_taken(port)]
    if taken:
        message = (
            f"in use by another program: port {', '.join(taken)}; end that program, or choose other ports for this "
            "instance with `larets up --port-base 9100`"
        )
        raise InstanceProblem(message)


def start_databases(instance: Instance, contours: Sequence[Contour], *, extra: dict[str, str] | None = None) -> None:
    """Both clusters at once; migrations one after the other (Alembic keeps its context in globals)."""
    with ThreadPoolExecutor(len(CONTOURS)) as pool:
        clusters = list(pool.map(lambda contour: start_cluster(instance, contour, extra=extra), contours))
    for contour, cluster in zip(contours, clusters, strict=True):
        prepare_database(instance, contour, cluster)


def make_keys(instance: Instance) -> None:
    """Of both contours: each needs the other's public halves before it can be reached."""
    keys.make_certificates(instance)
    keys.make_keyring(instance)
    keys.make_public_keys(instance)


def ready(instance: Instance, service: Service) -> bool:
    """Asks the listener by its host name; a worker has none and is ready when its process lives."""
    addresses = {"vault": instance.vault_origin, "app": instance.crm_origin}
    if service.name not in addresses:
        return running(instance, service) is not None
    host = addresses[service.name].partition("://")[2]
    port = instance.ports.vault if service.name == "vault" else instance.ports.crm
    # Asked many times a second while the services need the processor: a client of httpx costs more than they answer.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/readyz", headers={"Host": host})
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def start_services(instance: Instance, contours: Sequence[Contour]) -> list[str]:
    """Start what does not run, all at once, then wait for each. Returns the names of those started."""
    wanted = [service for service in SERVICES if service.contour in contours]
    started = [service.name for service in wanted if running(instance, service) is None]
    for service in wanted:
        start(instance, service)
    for service in wanted:
        wait_until(partial(ready, instance, service), instance=instance, service=service)
    return started


def bring_up(instance: Instance, contours: Sequence[Contour], *, say: Say) -> list[str]:
    """Everything but the demo data. Idempotent; returns the names of the services that were started."""
    instance.make_folders()
    check(instance, contours)
    say("keys and certificates")
    make_keys(instance)
    say("databases")
    start_databases(instance, contours)
    say("services")
    return start_services(instance, contours)
