"""Start, watch and stop the processes of one instance, and only those."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from scripts.local.instance import Contour, Instance, InstanceProblem


@dataclass(frozen=True, slots=True)
class Service:
    """One process (with its own children): a Python module of a contour."""

    name: str
    contour: Contour
    module: str


SERVICES = (
    Service("vault", "private", "pii_vault.main"),
    Service("vault-worker", "private", "pii_vault.worker"),
    Service("app", "public", "app.main"),
    Service("app-worker", "public", "app.worker"),
)


def pid_file(instance: Instance, service: Service) -> Path:
    return instance.run(service.contour) / f"{service.name}.json"


def running(instance: Instance, service: Service) -> psutil.Process | None:
    """The live process we started, or None. A recycled pid is told apart by its start time."""
    path = pid_file(instance, service)
    if not path.exists():
        return None
    try:
        noted = json.loads(path.read_text())
        process = psutil.Process(noted["pid"])
        if abs(process.create_time() - noted["started"]) < 1 and process.status() != psutil.STATUS_ZOMBIE:
            return process
    except (psutil.NoSuchProcess, ValueError, KeyError):
        pass
    path.unlink(missing_ok=True)
    return None


def start(instance: Instance, service: Service) -> psutil.Process:
    """Start the service detached from this terminal; its output goes to the contour's log folder."""
    known = running(instance, service)
    if known:
        return known
    own = instance.vault_environment() if service.contour == "private" else instance.app_environment()
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
    environment |= own | {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": ""}
    environment["TMPDIR"] = str(instance.temporary(service.contour))
    log = instance.logs(service.contour) / f"{service.name}.log"
    with log.open("ab") as output, _uninterrupted():
        started = subprocess.Popen(
            [sys.executable, "-m", service.module],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            cwd=instance.data(service.contour),
            start_new_session=True,
        )
        process = psutil.Process(started.pid)
        note = {"pid": started.pid, "started": process.create_time()}
        pid_file(instance, service).write_text(json.dumps(note))
    return process


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl+C waits: between the start of a process and its note, it would leave one that nobody knows."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def stop(instance: Instance, services: Sequence[Service] = SERVICES, *, patience: float = 15.0) -> list[str]:
    """Ask the services to end, wait, and kill what does not. Returns the names of those that were running."""
    alive = [(service, process) for service in services if (process := running(instance, service))]
    families = [(process, process.children(recursive=True)) for _, process in alive]
    for process, _ in families:
        process.send_signal(signal.SIGTERM)
    everyone = [process for parent, children in families for process in (parent, *children)]
    _, stubborn = psutil.wait_procs(everyone, timeout=patience)
    for process in stubborn:
        process.kill()
    psutil.wait_procs(stubborn, timeout=5)
    for service, _ in alive:
        pid_file(instance, service).unlink(missing_ok=True)
    return [service.name for service, _ in alive]


def log_tail(instance: Instance, service: Service, *, lines: int = 12) -> str:
    path = instance.logs(service.contour) / f"{service.name}.log"
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""


def wait_until(check: Callable[[], bool], *, instance: Instance, service: Service, seconds: float = 40.0) -> None:
    """Poll `check` until it is true. A process that has ended is reported at once with the end of its log.

    Raises:
        InstanceProblem: it ended, or did not answer in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if check():
            return
        if running(instance, service) is None:
            tail = log_tail(instance, service)
            message = f"{service.name} ended while starting; the end of its log:\n{tail}\nSee `make logs`."
            raise InstanceProblem(message)
        time.sleep(0.05)
    message = f"{service.name} does not answer after {seconds:.0f} s; see `make logs`, then `make down` and try again"
    raise InstanceProblem(message)
