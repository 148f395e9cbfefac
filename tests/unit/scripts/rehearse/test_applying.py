"""The rehearsal's checks of plan and apply, each shown to see what it guards against."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.env.place import Side
from scripts.rehearse.checks import applying, bad_input
from scripts.rehearse.stage import CheckFailed
from tests.unit.scripts.rehearse.play import Play, Script, play, refusal

CHECKED = (bad_input.all_of, applying.bring_up, applying.plan_is_applied, applying.quick_when_empty,
           applying.killed_and_resumed)  # fmt: skip
READY = {"workloads": {"vault/vault": {"ready": True}}}


def deployment(cpu: str = "300m") -> Any:
    """The API server of one Deployment."""
    container = {"resources": {"requests": {"cpu": cpu}}}
    live = {"spec": {"template": {"spec": {"containers": [container]}}}}
    return SimpleNamespace(path=lambda _: "/d", request=lambda *_, **__: live, read=lambda _: live)


@pytest.mark.parametrize("workloads", [{}, {"vault/vault": {"ready": False}}], ids=["nothing", "not ready"])
def test_a_contour_that_is_not_ready_is_seen(workloads: dict[str, Any], tmp_path: Path) -> None:
    def script(verb: str, _: Side, __: tuple[str, ...]) -> Any:
        made = {"plan": {"plan": "p"}, "apply": {"steps": {}, "digest": "d", "provider": "stand-in"}}
        return made.get(verb, {"workloads": workloads})

    with pytest.raises(CheckFailed, match="not ready"):
        applying.bring_up(play(tmp_path, script))


def planning(folder: Path, *, slips_taken: int | None = None, **breach: Any) -> Script:
    """Plans and applies as it should, but for `breach`; `slips_taken`: which of the changes in between is taken."""
    path = folder / "plan.json"
    path.write_text(json.dumps({"steps": [1, 2]}))
    empty, slips = iter([breach.get("empty", True), False]), iter(range(9))

    def script(verb: str, _: Side, arguments: tuple[str, ...]) -> Any:
        if verb == "plan":
            return {"plan": str(path), "digest": "d", "empty": next(empty)}
        if "--json" not in arguments:
            return {} if next(slips) == slips_taken else refusal("changed")
        return {"digest": breach.get("digest", "d"), "steps": breach.get("steps", {"update": 1})}

    return script


def test_a_plan_that_is_applied_passes(tmp_path: Path) -> None:
    applying.plan_is_applied(play(tmp_path, planning(tmp_path), api=deployment()))


@pytest.mark.parametrize(
    ("breach", "told"),
    [
        ({"slips_taken": 0}, "slipped into the settings"),
        ({"slips_taken": 1}, "slipped into the cluster"),
        ({"slips_taken": 2}, "slipped into the plan's file"),
        ({"empty": False}, "is not empty"),
        ({"digest": "another"}, "not what was planned"),
        ({"steps": {"update": 2}}, "not what was planned"),
    ],
)
def test_an_apply_of_anything_but_the_plan_is_seen(breach: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match=told):
        applying.plan_is_applied(play(tmp_path, planning(tmp_path, **breach), api=deployment()))


def test_an_apply_that_did_not_reach_the_cluster_is_seen(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="does not hold what was applied: 100m"):
        applying.plan_is_applied(play(tmp_path, planning(tmp_path), api=deployment("100m")))


@pytest.mark.parametrize(("ours", "raw"), [(10.1, 9.0), (3.1, 1.0)], ids=["over ten seconds", "over three times"])
def test_a_slow_empty_change_is_seen(ours: float, raw: float) -> None:
    applying.quick_enough(2.9, 1.0)
    with pytest.raises(CheckFailed, match="takes"):
        applying.quick_enough(ours, raw)


@pytest.mark.parametrize(
    ("objects", "slip", "told"), [(12, refusal("changed"), "too few"), (60, {}, "slipped into the cluster")]
)
def test_a_figure_of_too_few_objects_or_without_a_look_at_the_cluster_is_seen(
    objects: int, slip: Any, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raw(_: Play, folder: Path) -> int:
        folder.mkdir()
        return objects

    monkeypatch.setattr(applying, "_write_raw", raw)
    monkeypatch.setattr(applying, "_apply_seconds", lambda *_: 1.0)
    monkeypatch.setattr(applying, "_seconds", lambda _: 1.0)
    staged = play(tmp_path, lambda verb, *_: {"plan": "p"} if verb == "plan" else slip, api=deployment())
    with pytest.raises(CheckFailed, match=told):
        applying.quick_when_empty(staged)


def killed(*, marked: bool = True, stale: bool = True, explained: bool = True, left: bool = False) -> Script:
    lock = {"stack": "public", "stale": stale}
    statuses = iter([{"interrupted": marked, "locks": [lock]}, READY, {"interrupted": left, "locks": []}])

    def script(verb: str, _: Side, arguments: tuple[str, ...]) -> Any:
        if verb == "status":
            return next(statuses)
        if verb == "apply" and "--json" not in arguments:
            return refusal("it runs no more" if explained else "locked")
        return {"plan": "p"}

    return script


@pytest.mark.parametrize(
    ("breach", "told"),
    [
        ({"marked": False}, "left no mark"),
        ({"stale": False}, "left no lock"),
        ({"explained": False}, "not explained"),
        ({"left": True}, "still there"),
    ],
)
def test_a_killed_apply_that_is_not_resumed_well_is_seen(
    breach: dict[str, bool], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "_kill_in_the_middle", lambda *_: None)
    applying.killed_and_resumed(play(tmp_path / "good", killed()))
    with pytest.raises(CheckFailed, match=told):
        applying.killed_and_resumed(play(tmp_path / "bad", killed(**breach)))


WORDS = " ".join(word for _, word in bad_input.SPOILT.values())


def careful(verb: str, side: Side, _: tuple[str, ...]) -> Any:
    """Finds every mistake."""
    if verb == "check":
        told = refusal(code=1)
        checks = {"checks": [{"name": "capacity" if side == "public" else "rights", "ok": False}]}
        return type(told)(told.code, json.dumps(checks), told.err, told.seconds)
    return refusal(WORDS, "does not answer state")


def clusters(*names: str) -> Any:
    return SimpleNamespace(request=lambda *_: {"items": [{"metadata": {"name": name}} for name in names]})


def spoilt(folder: Path, script: Script, *names: str) -> Play:
    made = play(folder, script, api=clusters(*names))
    for side in ("private", "public"):
        path = made.contour(side).settings
        path.write_text(path.read_text().replace("images: {}", "images: {larets: x}"))
    return made


def test_bad_input_that_is_found_passes(tmp_path: Path) -> None:
    assert set(bad_input.all_of(spoilt(tmp_path, careful, "default"))) == set(bad_input.SPOILT)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (lambda *_: {}, "was taken"),
        (lambda *_: refusal("no"), "without saying what to do"),
        (lambda *_: refusal(WORDS, "hunter2-canary"), "without saying what to do"),
        (lambda verb, *rest: {} if verb == "check" else careful(verb, *rest), "without rights passed"),
        (
            lambda verb, *rest: refusal(WORDS, "state") if verb == "plan" else careful(verb, *rest),
            "is away was not told",
        ),
    ],
    ids=["taken", "not explained", "with the secret", "rights", "unreachable"],
)
def test_bad_input_that_is_taken_is_seen(script: Script, told: str, tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match=told):
        bad_input.all_of(spoilt(tmp_path, script, "default"))


def test_workloads_larger_than_the_cluster_that_pass_are_seen(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="larger than the cluster passed"):
        bad_input.small_quota(spoilt(tmp_path, lambda *_: {"checks": [{"name": "capacity", "ok": True}]}))


def test_two_environments_with_one_state_that_pass_are_seen(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="one state were taken"):
        bad_input.two_environments_one_state(spoilt(tmp_path, lambda *_: {}))


def test_bad_input_that_changed_the_cluster_is_seen(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="changed the private cluster"):
        bad_input.all_of(spoilt(tmp_path, careful, "edge"))
