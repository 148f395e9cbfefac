"""A contour's processes at rest for as long as something is done to their database."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from scripts.env.environment import Environment
from scripts.env.errors import EnvProblem
from scripts.env.journal import Mark
from scripts.env.place import Contour
from scripts.env.sizes import manifests, sizes
from scripts.voice import say

PATIENCE: Final = 180.0
SCALE: Final = "application/merge-patch+json"


class AtRest(EnvProblem):
    """Another command has this contour's processes at rest and may be at work."""

    hint = "let it end; when it runs no more anywhere, `larets env unlock --force` calls them back to work"


def mark_of(contour: Contour) -> Mark:
    """Which processes rest, and how many there were: it stays when the command that sent them there was killed."""
    return Mark(contour.folder / "resting.json")


@contextmanager
def resting(environment: Environment) -> Iterator[None]:
    """Scales the contour's own workloads to nothing and back, whatever happens in between.

    Raises:
        AtRest: nothing was touched.
    """
    mark = mark_of(environment.contour)
    if mark.held() and not mark.left():
        raise AtRest
    before = _wanted(environment, _live(environment))
    mark.set({"replicas": before})
    try:
        for name in before:
            _scale(environment, name, 0)
        _await_gone(environment, set(before))
        yield
    finally:
        _back_to_work(environment, before)


def call_back(environment: Environment, *, unmarked: bool = False) -> list[str]:
    """What a command that runs no more has left at rest goes to work again; `unmarked`: of another machine too.

    Returns the names. Raises EnvProblem: of the first that could not be.
    """
    if not unmarked and not mark_of(environment.contour).left():
        return []
    live = _live(environment)
    asleep = {name: number for name, number in _wanted(environment, live).items() if not live[name]}
    _back_to_work(environment, asleep)
    return sorted(asleep)


def _live(environment: Environment) -> dict[str, int]:
    listed = environment.cluster().request("GET", _deployments(environment))["items"]
    return {one["metadata"]["name"]: one["spec"].get("replicas", 1) for one in listed}


def _wanted(environment: Environment, live: Mapping[str, int]) -> dict[str, int]:
    """How many each is to have at work. Of one that rests already: as the mark tells, else as the stack has it."""
    place = environment.settings.vault_namespace
    marked = (mark_of(environment.contour).held() or {}).get("replicas", {})
    told = all(number or name in marked for name, number in live.items())
    planned = {} if told else sizes(manifests(environment))
    return {
        name: number or marked.get(name) or planned.get(f"Deployment {place}/{name}", 1)
        for name, number in live.items()
    }


def _back_to_work(environment: Environment, before: Mapping[str, int]) -> None:
    """Each is called, whatever became of those before it. Raises EnvProblem: of the first that could not be."""
    mark, refused = mark_of(environment.contour), list[EnvProblem]()
    for name, replicas in before.items():
        try:
            _scale(environment, name, replicas)
        except EnvProblem as problem:
            say(f"  {environment.contour.side}: {name} is still at rest, and had {replicas}")
            refused.append(problem)
    if refused:
        mark.disown()
        say("larets: hint: correct what is told below, then `larets env unlock` calls them back to work")
        raise refused[0]
    mark.clear()


def _deployments(environment: Environment) -> str:
    return f"/apis/apps/v1/namespaces/{environment.settings.vault_namespace}/deployments"


def _scale(environment: Environment, name: str, replicas: int) -> None:
    path = f"{_deployments(environment)}/{name}/scale"
    environment.cluster().request("PATCH", path, body={"spec": {"replicas": replicas}}, content=SCALE)


def _await_gone(environment: Environment, names: set[str]) -> None:
    path = f"/api/v1/namespaces/{environment.settings.vault_namespace}/pods"
    until = time.monotonic() + PATIENCE
    say(f"  {environment.contour.side}: {', '.join(sorted(names))} come to rest …")
    while any(_of(item) in names for item in environment.cluster().request("GET", path)["items"]):
        if time.monotonic() > until:
            raise EnvProblem("the processes did not come to rest; the database was not touched")
        time.sleep(1)


def _of(pod: dict[str, Any]) -> str:
    return str((pod["metadata"].get("labels") or {}).get("app.kubernetes.io/name", ""))
