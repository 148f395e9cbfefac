"""Looking for drift again and again: one round every so many seconds, until the process is told to end."""

import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from infra.errors import DeployProblem
from scripts.env.drift import Drifted, find_drift
from scripts.env.environment import Environment
from scripts.env.errors import EnvProblem
from scripts.env.locks import locks_of


@dataclass(frozen=True, slots=True)
class Round:
    """`failed`: why it could not be told. `busy`: another command is at work, and half of its change is no drift."""

    at: str
    objects: int = 0
    drift: tuple[Drifted, ...] = field(default=())
    failed: str = ""
    busy: bool = False

    def as_json(self) -> dict[str, Any]:
        told = {"at": self.at, "objects": self.objects, "drift": [one.as_json() for one in self.drift]}
        return told | ({"failed": self.failed} if self.failed else {}) | ({"busy": True} if self.busy else {})


def look(open_: Callable[[], Environment]) -> Round:
    """One round. The environment is opened anew: settings, credentials and state may be others by now."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        environment = open_()
        if any(not lock.stale for lock in locks_of(environment.engines)):
            return Round(at, busy=True)
        found, looked = find_drift(environment)
        if any(not lock.stale for lock in locks_of(environment.engines)):  # begun while this one looked
            return Round(at, busy=True)
    except EnvProblem as problem:
        return Round(at, failed=str(problem))
    except DeployProblem as problem:
        return Round(at, failed=problem.detail)
    return Round(at, looked, tuple(found))


def rounds(look_: Callable[[], Round], every: float, over: threading.Event) -> Iterator[Round]:
    """A round at once, then one every `every` seconds, counted from the end of the last, until `over` is set."""
    while not over.is_set():
        yield look_()
        over.wait(every)


def until_told() -> threading.Event:
    """Set by the first SIGINT or SIGTERM: the round under way ends, and no further one begins."""
    over = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: over.set())
    return over
