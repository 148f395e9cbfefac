"""A contour's processes at rest for as long as something is done to their database."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from scripts.env.environment import Environment
from scripts.env.errors import EnvProblem
from scripts.voice import say

PATIENCE: Final = 180.0
SCALE: Final = "application/merge-patch+json"


@contextmanager
def resting(environment: Environment) -> Iterator[None]:
    """Scales the contour's own workloads to nothing and back, whatever happens in between."""
    place = environment.settings.vault_namespace
    path = f"/apis/apps/v1/namespaces/{place}/deployments"
    listed = environment.cluster().request("GET", path)["items"]
    before = {one["metadata"]["name"]: one["spec"].get("replicas", 1) for one in listed}
    try:
        for name in before:
            _scale(environment, f"{path}/{name}", 0)
        _await_gone(environment, f"/api/v1/namespaces/{place}/pods", set(before))
        yield
    finally:
        _back_to_work(environment, path, before)


def _back_to_work(environment: Environment, path: str, before: Mapping[str, int]) -> None:
    """Each is called, whatever became of those before it. Raises EnvProblem: of the first that could not be."""
    refused: list[EnvProblem] = []
    for name, replicas in before.items():
        try:
            _scale(environment, f"{path}/{name}", replicas)
        except EnvProblem as problem:
            say(f"  {environment.contour.side}: {name} is still at rest, and had {replicas}")
            refused.append(problem)
    if refused:
        raise refused[0]


def _scale(environment: Environment, path: str, replicas: int) -> None:
    environment.cluster().request("PATCH", f"{path}/scale", body={"spec": {"replicas": replicas}}, content=SCALE)


def _await_gone(environment: Environment, path: str, names: set[str]) -> None:
    until = time.monotonic() + PATIENCE
    say(f"  {environment.contour.side}: {', '.join(sorted(names))} come to rest …")
    while any(_of(item) in names for item in environment.cluster().request("GET", path)["items"]):
        if time.monotonic() > until:
            raise EnvProblem("the processes did not come to rest; the database was not touched")
        time.sleep(1)


def _of(pod: dict[str, Any]) -> str:
    return str((pod["metadata"].get("labels") or {}).get("app.kubernetes.io/name", ""))
