"""The rehearsal's checks of drift, each shown to see what it guards against."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.env.kube import Manifest
from scripts.env.objects import named
from scripts.env.place import Side
from scripts.rehearse.checks import drifting
from scripts.rehearse.checks.planted import ADDED, FOREIGN, TEN, Planted
from scripts.rehearse.stage import CheckFailed, Said
from tests.unit.scripts.rehearse.play import CLOCK, Script, play

CHECKED = (drifting.ten_kinds, drifting.additions, drifting.healthy)
HELD: Any = SimpleNamespace(
    read=lambda _: {"data": {"nginx.conf": "x"}},
    request=lambda *_, **__: {},
    apply=lambda *_, **__: {},
    path=lambda _: "/o",
    delete=lambda _: None,
)


def drift(
    *,
    planted: Sequence[Planted] = TEN,
    foreign: Sequence[Manifest] = (),
    spoil: Callable[[list[dict[str, Any]]], None] = lambda _: None,
    repaired: int = 0,
    left: int = 0,
    kept: int = 0,
) -> Script:
    """`repaired`: objects too many in the plan. `left`, `kept`: of ours after apply, of others after all."""
    others = [{"object": named(one), "changes": [], "foreign": f"delete {one['kind'].lower()} hole"} for one in foreign]
    found = [
        {"object": named(one.manifest), "missing": one.patch is None, "changes": [{"path": f"spec{one.told}"}]}
        for one in planted
    ] + others
    spoil(found)
    looks = iter([found, found[:left] + others, others[:kept]])

    def script(verb: str, _: Side, __: tuple[str, ...]) -> Any:
        if verb == "drift":
            seen = next(looks)
            return Said(3 if seen else 0, json.dumps({"drift": seen}), "", CLOCK)
        names = [named(one.manifest) for one in planted] + [str(number) for number in range(repaired)]
        return {"plan": "p", "steps": [{"op": "repair", "object": name} for name in names]}

    return script


def added(**breach: Any) -> Script:
    return drift(planted=ADDED, foreign=FOREIGN, **breach)


def test_drift_that_is_found_and_corrected_passes(tmp_path: Path) -> None:
    assert len(drifting.ten_kinds(play(tmp_path / "ten", drift(), api=HELD))) == len(TEN)
    assert len(drifting.additions(play(tmp_path / "more", added(), api=HELD))) == len(ADDED) + len(FOREIGN)


@pytest.mark.parametrize(
    ("breach", "told"),
    [
        ({"spoil": lambda found: found.clear()}, "ended with 0"),
        ({"spoil": lambda found: found.pop(0)}, "drift of image was not found"),
        ({"spoil": lambda found: found[0].update(changes=[{"path": "metadata"}])}, "in the wrong fields"),
        ({"spoil": lambda found: found[-1].update(missing=False)}, "is gone, and that was not told"),
        ({"repaired": 1}, "the plan repairs 11 objects"),
        ({"left": 1}, "still there after apply"),
    ],
    ids=["none", "one short", "elsewhere", "removal", "not planned", "not corrected"],
)
def test_drift_that_is_not_found_or_not_corrected_is_seen(breach: Any, told: str, tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match=told):
        drifting.ten_kinds(play(tmp_path, drift(**breach), api=HELD))


def blind(what: str) -> Callable[[list[dict[str, Any]]], None]:
    def spoil(found: list[dict[str, Any]]) -> None:
        found[:] = [one for one in found if one["object"] != what]

    return spoil


@pytest.mark.parametrize("one", ADDED, ids=[one.what for one in ADDED])
def test_an_addition_that_is_not_found_is_seen(one: Planted, tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match=f"drift of {one.what} was not found"):
        drifting.additions(play(tmp_path, added(spoil=blind(named(one.manifest))), api=HELD))


@pytest.mark.parametrize("one", FOREIGN, ids=[named(one) for one in FOREIGN])
def test_a_foreign_object_that_is_not_found_is_seen(one: Manifest, tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match=f"{named(one)} is no stack's, and that was not told"):
        drifting.additions(play(tmp_path, added(spoil=blind(named(one))), api=HELD))


@pytest.mark.parametrize(
    ("breach", "told"),
    [
        ({"spoil": lambda found: found[-1].update(foreign="look into it")}, "was not told: look into it"),
        ({"left": 1}, "still there after apply"),
        ({"kept": 1}, "is found still"),
    ],
)
def test_an_addition_that_is_not_corrected_or_explained_is_seen(breach: Any, told: str, tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match=told):
        drifting.additions(play(tmp_path, added(**breach), api=HELD))


def test_drift_cannot_be_planted_in_nothing(tmp_path: Path) -> None:
    empty = SimpleNamespace(read=lambda _: None)
    with pytest.raises(CheckFailed, match="nothing to plant drift in"):
        drifting.ten_kinds(play(tmp_path, drift(), api=empty))


def moving(*, stuck: str = "") -> Any:
    """Every object is another one after a change, but for `stuck`."""
    held: Counter[str] = Counter()
    return SimpleNamespace(
        path=named,
        read=lambda manifest: {"version": held[named(manifest)]},
        request=lambda _, path, **__: held.update([name for name in [path.split("/s")[0]] if name != stuck]),
    )


@pytest.mark.parametrize(
    ("found", "empty", "stuck", "told"),
    [
        ([{"object": "Service edge/edge", "changes": [{"path": "spec.clusterIP"}]}], True, "", "edge spec.clusterIP"),
        ([], False, "", "changes the plan"),
        ([], True, "ServiceAccount vault/vault", "took nothing of tokens of accounts"),
    ],
    ids=["drift", "plan", "nothing planted"],
)
def test_a_healthy_cluster_that_is_called_drifted_is_seen(
    found: Any, empty: Any, stuck: str, told: str, tmp_path: Path
) -> None:
    def script(found: Any, empty: Any) -> Script:
        return lambda verb, *_: (
            Said(3 if found else 0, json.dumps({"drift": found}), "", CLOCK) if verb == "drift" else {"empty": empty}
        )

    drifting.healthy(play(tmp_path / "good", script([], empty=True), api=moving()))
    with pytest.raises(CheckFailed, match=told):
        drifting.healthy(play(tmp_path / "bad", script(found, empty), api=moving(stuck=stuck)))
