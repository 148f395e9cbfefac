"""`larets env status`: what was applied, what is ready, what was interrupted. Exit 0 when all of it is ready."""

from collections.abc import Iterator
from typing import Any, Final

import typer

from scripts.env.apply import read_history
from scripts.env.command import AsJson, Name, Which, told
from scripts.env.environment import Environment, open_environment
from scripts.env.journal import Journal
from scripts.env.locks import locks_of
from scripts.env.place import chosen
from scripts.env.plugins import provider_kind
from scripts.env.quiet import mark_of
from scripts.env.sizes import manifests, sizes, spelt
from scripts.env.standing import certificates_ending
from scripts.voice import emit, result

ROLLED = frozenset({"Deployment", "StatefulSet", "Job"})
WAYS: Final = "repeat it, `restore --back` undoes it, `unlock` calls the processes back to work as all stands now"

cli = typer.Typer()


@cli.command()
@told
def status(contour: Which, env: Name = "", as_json: AsJson = False) -> None:
    """What stands in the cluster, what was applied last, what did not finish."""
    environment = open_environment(chosen(env), contour)
    answer = describe(environment)
    if as_json:
        emit(answer)
    else:
        for name, one in answer["workloads"].items():
            result(f"{name:<44}{'ready' if one['ready'] else 'NOT READY'}  {one['told']}")
        last = answer["last"]
        result(
            f"last applied: {last['at']} release {last['release']} digest {last['digest'][:12]}" if last else "never"
        )
        if answer["interrupted"]:
            result(f"INTERRUPTED: an apply begun at {answer['interrupted']['began']}; plan and apply again")
        if answer["at_rest"]:
            result(f"AT REST: a restore begun at {answer['at_rest']['began']} was cut off; {WAYS}")
        if answer["ending"]:
            result(f"ENDS SOON {', '.join(answer['ending'])}: `larets env rotate certificates`, plan, apply")
        for lock in answer["locks"]:
            result(f"LOCKED {lock['stack']} since {lock['since']} by {lock['holder']}{' (gone)' * lock['stale']}")
    if answer["interrupted"] or answer["at_rest"] or not all(one["ready"] for one in answer["workloads"].values()):
        raise SystemExit(1)


def describe(environment: Environment) -> dict[str, Any]:
    """The stable answer of `larets env status --json`."""
    history = [entry for entry in read_history(environment) if "digest" in entry]
    return {
        "environment": environment.contour.environment,
        "contour": environment.contour.side,
        "provider": provider_kind(environment.contour),
        "workloads": dict(_workloads(environment)),
        "last": history[-1] if history else None,
        "outputs": environment.engine(environment.contour.side).outputs(),
        "interrupted": Journal(environment.contour).interrupted(),
        "at_rest": mark_of(environment.contour).left(),
        "ending": certificates_ending(environment),
        "locks": [
            {"stack": lock.stack, "holder": lock.holder, "since": lock.since, "stale": lock.stale}
            for lock in locks_of(environment.engines)
        ],
    }


def _workloads(environment: Environment) -> Iterator[tuple[str, dict[str, Any]]]:
    cluster, found = environment.cluster(), list(manifests(environment))
    planned = sizes(found)
    for manifest in found:
        if manifest["kind"] in ROLLED:
            name = spelt(manifest)
            yield name, _state(manifest["kind"], cluster.read(manifest), planned.get(name, 0))


def _state(kind: str, live: dict[str, Any] | None, planned: int) -> dict[str, Any]:
    """Where none is asked for and the stack has some, somebody sent them to rest."""
    if live is None:
        return {"ready": False, "told": "is gone"}
    now = live.get("status", {})
    if kind == "Job":
        done = now.get("succeeded", 0) >= live["spec"].get("completions", 1)
        return {"ready": done, "told": "done" if done else "at work or failed"}
    wanted, ready = live["spec"].get("replicas", 1), now.get("readyReplicas", 0)
    if planned and not wanted:
        return {"ready": False, "told": f"at rest: 0 of {planned}"}
    return {"ready": ready >= wanted, "told": f"{ready} of {wanted}"}
