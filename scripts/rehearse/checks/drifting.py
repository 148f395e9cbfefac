"""Drift is planted, found by name and put right; what no stack made is told; a healthy cluster's notes are not."""

from collections.abc import Sequence
from typing import Any, Final

from scripts.env.kube import Cluster, Manifest
from scripts.env.objects import named
from scripts.rehearse.checks.planted import ADDED, FIRST, FOREIGN, HEALTHY, TEN, Planted
from scripts.rehearse.stage import CheckFailed, Stage

DRIFT: Final = 3


def ten_kinds(stage: Stage) -> dict[str, str]:
    """Our own fields changed, or an object removed, by somebody else's hand, under another owner's name."""
    return _planted(stage, TEN)


def additions(stage: Stage) -> dict[str, str]:
    """What we never asked for put into our objects; and objects of others, which a person has to remove."""
    cluster = stage.cluster("private")
    for one in FOREIGN:
        cluster.apply(one, manager="somebody")
    try:
        told = _planted(stage, ADDED, foreign=FOREIGN)
    finally:
        for one in FOREIGN:
            cluster.delete(one)
    after = stage.run("drift", "private", "--json")
    if after.code:
        raise CheckFailed(f"what was deleted as told is found still: {_names(after.json['drift'])}")
    return told


def healthy(stage: Stage) -> dict[str, Any]:
    """What controllers do to our objects is no drift, and changes no plan."""
    cluster = stage.cluster("private")
    _known(cluster, HEALTHY)
    before = {named(one.manifest): cluster.read(one.manifest) for one in HEALTHY}
    for one in HEALTHY:
        _plant(cluster, one, "controller")
    unmoved = [one.what for one in HEALTHY if cluster.read(one.manifest) == before[named(one.manifest)]]
    if unmoved:
        raise CheckFailed(f"the cluster took nothing of {', '.join(unmoved)}")
    said = stage.run("drift", "private", "--json")
    if said.code:
        raise CheckFailed(f"a healthy cluster is called drifted: {_fields(said.json['drift'])}")
    planned = stage.must("plan", "private")
    if not planned["empty"]:
        raise CheckFailed("a healthy cluster changes the plan")
    _clear(cluster)
    return {"planted": [one.what for one in HEALTHY]}


def _clear(cluster: Cluster) -> None:
    """Nobody is there who would ever take this finalizer away."""
    for one in HEALTHY:
        if "finalizers" in one.patch.get("metadata", {}):
            cluster.request(
                "PATCH", cluster.path(one.manifest), body={"metadata": {"finalizers": None}}, content=one.content
            )


def _planted(stage: Stage, planted: Sequence[Planted], *, foreign: Sequence[Manifest] = ()) -> dict[str, str]:
    cluster = stage.cluster("private")
    _known(cluster, planted)
    for one in planted:
        _plant(cluster, one, "somebody")
    try:
        return _found_and_corrected(stage, planted, foreign)
    except CheckFailed:
        stage.bring_up("private")  # the checks after this one meet a contour as it should be
        raise


def _found_and_corrected(stage: Stage, planted: Sequence[Planted], foreign: Sequence[Manifest]) -> dict[str, str]:
    said = stage.run("drift", "private", "--json")
    if said.code != DRIFT:
        raise CheckFailed(f"drift was planted and `larets env drift` ended with {said.code}: {said.error}")
    found = {one["object"]: one for one in said.json["drift"]}
    told = {one.what: _found(one, found) for one in planted} | {named(one): _told(one, found) for one in foreign}
    planned = stage.must("plan", "private")
    repairs = {step["object"] for step in planned["steps"] if step["op"] == "repair"}
    wanted = {named(one.manifest) for one in planted}
    if repairs != wanted:
        raise CheckFailed(f"the plan repairs {len(repairs)} objects, and {len(wanted)} drifted")
    stage.must("apply", "private", "--plan", planned["plan"])
    after = stage.run("drift", "private", "--json")
    left = set(_names(after.json["drift"])) - {named(one) for one in foreign}
    if left or bool(after.code) != bool(foreign):
        raise CheckFailed(f"drift is still there after apply: {sorted(left)}")
    return told


def _names(found: list[dict[str, Any]]) -> list[str]:
    return [one["object"] for one in found]


def _fields(found: list[dict[str, Any]]) -> list[str]:
    return [f"{one['object']} {change['path']}" for one in found for change in one["changes"] or [{"path": "whole"}]]


def _known(cluster: Cluster, planted: Sequence[Planted]) -> None:
    lacking = [one.what for one in planted if cluster.read(one.manifest) is None]
    if lacking:
        raise CheckFailed(f"nothing to plant drift in: {', '.join(lacking)}")


def _plant(cluster: Cluster, one: Planted, manager: str) -> None:
    if one.patch is None:
        cluster.delete(one.manifest)
        return
    patch = one.patch
    if patch == FIRST:
        live = cluster.read(one.manifest) or {"data": {}}
        patch = {"data": {next(iter(live["data"])): "slipped"}}
    path = cluster.path(one.manifest) + (f"/{one.part}" if one.part else "")
    cluster.request("PATCH", path, body=patch, content=one.content, query={"fieldManager": manager})


def _found(one: Planted, found: dict[str, Any]) -> str:
    name = named(one.manifest)
    drifted = found.get(name)
    if drifted is None:
        raise CheckFailed(f"drift of {one.what} was not found ({name})")
    if one.patch is None:
        if not drifted["missing"]:
            raise CheckFailed(f"{name} is gone, and that was not told")
        return "is gone"
    paths = [change["path"] for change in drifted["changes"]]
    if not any(one.told in path for path in paths):
        raise CheckFailed(f"drift of {one.what} was found in the wrong fields: {paths}")
    return ", ".join(paths)


def _told(one: Manifest, found: dict[str, Any]) -> str:
    """Told as nobody's, with the command that removes it."""
    told = str(found.get(named(one), {}).get("foreign", ""))
    if f"delete {one['kind'].lower()} {one['metadata']['name']}" not in told:
        raise CheckFailed(f"{named(one)} is no stack's, and that was not told: {told or 'nothing'}")
    return told
