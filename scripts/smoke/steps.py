"""The steps of a trial as they are told: what is done, how long it took, and where it ended."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from infra.errors import DeployProblem
from scripts.local.instance import InstanceProblem
from scripts.voice import say


class TrialEnded(Exception):
    """A step failed; the steps say which and why."""


@dataclass(slots=True)
class Steps:
    """Steps so far; `told` is what programs read."""

    told: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Raises TrialEnded in place of what went wrong."""
        began = time.monotonic()
        say(f"  {name} …")
        try:
            yield
        except (InstanceProblem, DeployProblem, httpx.HTTPError, OSError) as problem:
            error = str(problem) if isinstance(problem, InstanceProblem | DeployProblem) else _away(problem)
            hint = getattr(problem, "hint", "")
            self._add(name, began, ok=False, error=error, hint=hint)
            say(f"larets: error: {name}: {error}" + (f"\nlarets: hint: {hint}" if hint else ""))
            raise TrialEnded from problem
        self._add(name, began, ok=True)

    def _add(self, name: str, began: float, *, ok: bool, **more: str) -> None:
        self.told.append({"step": name, "ok": ok, "seconds": round(time.monotonic() - began, 2)} | more)


def _away(problem: Exception) -> str:
    """By its kind: an address or a body may stand in the text."""
    if isinstance(problem, httpx.HTTPStatusError):
        return f"{problem.request.headers.get('host', 'a host')} answered {problem.response.status_code}"
    host = ""
    if isinstance(problem, httpx.RequestError):
        host = str(problem.request.headers.get("host", ""))
    return f"{host or 'a host'} is not reached ({type(problem).__name__})"
