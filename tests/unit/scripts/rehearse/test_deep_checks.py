"""Each check of the deep rehearsal that judges by itself is shown what it must not let pass."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from scripts.local.shop import Shop
from scripts.rehearse.deep import inside
from scripts.rehearse.deep.checks import bringing, failing, load, paths, trying
from scripts.rehearse.deep.stage import DeepStage
from scripts.rehearse.plane import PlaneProblem
from scripts.rehearse.stage import CheckFailed, Said

SHOP = Shop("https://hooks.larets.test/in/woocommerce/rehearsal/con_1", "x")


def _stage(**fields: Any) -> DeepStage:
    return cast("DeepStage", SimpleNamespace(**fields))


# -- pods -----------------------------------------------------------------------------------------------------------


def _pod(*, ready: str = "True", started: str = "2026-01-01T10:00:00Z") -> dict[str, Any]:
    states = [{"state": {"running": {"startedAt": started}}, "containerID": "c1", "ready": True}]
    conditions = [{"type": "Ready", "status": ready}]
    return {
        "metadata": {"name": "vault-1"},
        "status": {"phase": "Running", "conditions": conditions, "containerStatuses": states},
    }


def _cluster(*listed: dict[str, Any]) -> DeepStage:
    answers = SimpleNamespace(request=lambda *_args, **_more: {"items": list(listed)})
    return _stage(cluster=lambda _side: answers)


def test_a_pod_that_serves_counts_and_one_that_does_not_is_named() -> None:
    assert bringing.pods_ready(_cluster(_pod()), "private") == 1
    with pytest.raises(CheckFailed, match="vault-1"):
        bringing.pods_ready(_cluster(_pod(), _pod(ready="False")), "private")


def test_no_pod_at_all_is_not_ready() -> None:
    with pytest.raises(CheckFailed, match="none"):
        bringing.pods_ready(_cluster(), "private")


def test_what_was_ready_before_the_power_cut_is_not_ready_after_it() -> None:
    cut = datetime(2026, 1, 1, 10, 0, tzinfo=UTC)
    assert bringing.pods_ready(_cluster(_pod()), "private", since=cut) == 1
    with pytest.raises(CheckFailed, match="not ready"):
        bringing.pods_ready(_cluster(_pod()), "private", since=cut + timedelta(seconds=1))


# -- orders ---------------------------------------------------------------------------------------------------------


def _load(*accepted: int, wrong: tuple[str, ...] = ()) -> load.Load:
    return load.Load(SHOP, "", 100_000, accepted=list(accepted), wrong=list(wrong))


@pytest.mark.parametrize(("held", "told"), [({100_001: 1}, "1 are lost"), ({100_001: 1, 100_002: 2}, "1 are doubled")])
def test_an_order_that_is_lost_or_doubled_is_told(
    held: dict[int, int], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "PATIENCE", 0.0)
    monkeypatch.setattr(load, "arrived", lambda _stage, _first: held)
    with pytest.raises(CheckFailed, match=told):
        load.settled(_stage(), _load(100_001, 100_002))


def test_every_order_once_is_well_and_none_accepted_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "arrived", lambda _stage, _first: {100_001: 1, 100_002: 1})
    load.settled(_stage(), _load(100_001, 100_002))
    for nothing in (_load(), _load(100_001, wrong=("422",))):
        with pytest.raises(CheckFailed, match="refused for good"):
            load.settled(_stage(), nothing)


def test_a_database_that_is_away_for_a_moment_is_asked_again_and_one_that_stays_away_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers: list[dict[int, int] | None] = [None, {100_001: 1}]

    def arrived(_stage: DeepStage, _first: int) -> dict[int, int]:
        found = answers.pop(0)
        if found is None:
            raise PlaneProblem("exec failed")
        return found

    monkeypatch.setattr("scripts.rehearse.deep.checks.load.time.sleep", lambda _: None)
    monkeypatch.setattr(load, "arrived", arrived)
    load.settled(_stage(), _load(100_001))
    answers.append(None)
    monkeypatch.setattr(load, "PATIENCE", 0.0)
    with pytest.raises(CheckFailed, match="does not answer: exec failed"):
        load.settled(_stage(), _load(100_001))


def test_a_pod_that_goes_is_not_asked() -> None:
    going, fresh = {"metadata": {"name": "postgres-0", "deletionTimestamp": "x"}}, {"metadata": {"name": "postgres-1"}}
    asked: list[str] = []

    def node(*pods: dict[str, Any]) -> Any:
        cluster = SimpleNamespace(request=lambda *_: {"items": list(pods)})

        def kubectl(*words: str) -> str:
            asked.append(words[2])
            return "1"

        return SimpleNamespace(plane=SimpleNamespace(cluster=lambda: cluster), kubectl=kubectl)

    assert load.ask_database(node(going, fresh), "public", "SELECT 1") == [["1"]]
    assert asked == ["postgres-1"]
    with pytest.raises(PlaneProblem, match="no pod"):
        load.ask_database(node(going), "public", "SELECT 1")


def test_containers_that_were_started_anew_differ() -> None:
    before, after = _pod(), _pod()
    after["status"]["containerStatuses"][0]["containerID"] = "c2"
    assert failing._containers(_cluster(before), "private") != failing._containers(_cluster(after), "private")


# -- paths ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({("edge", "vault", 8200), ("edge", "stranger", 443)}, r"open and should not: \[\('edge', 'stranger', 443\)\]"),
        (set(), r"should be open: \[\('edge', 'vault', 8200\)\]"),
    ],
)
def test_a_path_too_many_and_a_path_too_few_are_told(
    found: set[paths.Way], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "PATIENCE", 0.0)
    with pytest.raises(CheckFailed, match=told):
        paths._until(lambda: found, {("edge", "vault", 8200)}, "private")


# -- smoke, leak check ----------------------------------------------------------------------------------------------


def _saying(answer: dict[str, Any]) -> DeepStage:
    return _stage(larets=lambda *_words: Said(0 if answer["ok"] else 1, json.dumps(answer), "", 1.0))


SMOKE: dict[str, Any] = {
    "ok": True, "seen_by": trying.EXPECTED, "held_by_public": {"clear": []}, "steps": [], "webhook_to_card_ms": 1,
    "audit_records": 1,
}  # fmt: skip
LEAKS: dict[str, Any] = {
    "ok": True, "negative_twin": {"database": "caught"}, "hits": [], "edge": {"accepted": [], "refused": 1},
    "canaries": 1, "scanned": {"database": 1},
}  # fmt: skip


@pytest.mark.parametrize(
    "changed",
    [
        {"ok": False, "steps": [{"step": "who sees its phone", "ok": False}]},
        {"seen_by": {**trying.EXPECTED, "warehouse": "value"}},
        {"held_by_public": {"clear": ["orders.city"]}},
    ],
)
def test_a_smoke_that_saw_something_else_fails(changed: dict[str, Any]) -> None:
    trying.smoke(_saying(SMOKE))
    with pytest.raises(CheckFailed, match="smoke"):
        trying.smoke(_saying(SMOKE | changed))


@pytest.mark.parametrize("changed", [{"ok": False}, {"negative_twin": {"database": "missed"}}, {"negative_twin": {}}])
def test_a_leak_or_a_missed_twin_fails(changed: dict[str, Any]) -> None:
    trying.leakcheck(_saying(LEAKS))
    with pytest.raises(CheckFailed, match="missed"):
        trying.leakcheck(_saying(LEAKS | changed))


def test_a_command_that_tells_nothing_is_told_with_its_reasons() -> None:
    said = Said(1, "", "larets: error: the sign-in page did not come\nlarets: error: told nothing\n", 1.0)
    with pytest.raises(CheckFailed, match=r"sign-in page.*told nothing"):
        trying.leakcheck(_stage(larets=lambda *_words: said))


# -- which checks ---------------------------------------------------------------------------------------------------


def test_some_checks_come_after_the_scene() -> None:
    assert tuple(inside.chosen(["power"])) == (*inside.SCENE, "both nodes lose their power under load")
    assert tuple(inside.chosen([])) == tuple(inside.CHECKS)
    with pytest.raises(LookupError):
        inside.chosen(["no such check"])
