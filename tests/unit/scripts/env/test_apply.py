import json
import os
import socket
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.env import apply
from scripts.env.apply import Watch, apply_plan
from scripts.env.engine import Step
from scripts.env.errors import Blocked, ForeignStep, PlanChanged
from scripts.env.journal import Journal
from scripts.env.notary import Notary, Registration
from scripts.env.objects import Change
from scripts.env.place import Contour
from scripts.env.plan import Finding, Plan, PlannedStep
from scripts.env.planning import Draft

GONE = 2**22 + 1  # beyond the kernel's largest number of a process


def planned(urn: str, op: str) -> PlannedStep:
    return PlannedStep("private", urn, op, "kubernetes:core/v1:Service", f"Service x/{urn}", {})


def taken(urn: str, op: str) -> Step:
    return Step(urn, op, "kubernetes:core/v1:Service", {}, ())


def test_planned_steps_pass_in_any_order() -> None:
    watch = Watch([planned("a", "create"), planned("b", "update"), planned("c", "same")])
    for step in (taken("c", "same"), taken("b", "update"), taken("a", "create")):
        watch.on_step(step)
    watch.finish()


@pytest.mark.parametrize("foreign", [taken("d", "create"), taken("a", "delete"), taken("c", "update")])
def test_a_foreign_step_stops_the_engine(foreign: Step) -> None:
    watch = Watch([planned("a", "create"), planned("c", "same")])
    with pytest.raises(ForeignStep):
        watch.on_step(foreign)


def test_a_step_is_taken_once() -> None:
    watch = Watch([planned("a", "create")])
    watch.on_step(taken("a", "create"))
    with pytest.raises(ForeignStep):
        watch.on_step(taken("a", "create"))


def test_a_planned_step_that_was_left_out_is_told() -> None:
    with pytest.raises(ForeignStep):
        Watch([planned("a", "delete")]).finish()


def test_a_repair_is_the_same_to_the_engine() -> None:
    Watch([planned("a", "repair")]).on_step(taken("a", "same"))


def test_an_adoption_is_a_creation_to_the_engine() -> None:
    watch = Watch([planned("a", "adopt")])
    watch.on_step(taken("a", "create"))
    watch.finish()
    with pytest.raises(ForeignStep):  # and nothing else
        Watch([planned("a", "adopt")]).on_step(taken("a", "update"))


def registration(replicas: int) -> Registration:
    inputs = {"kind": "Deployment", "spec": {"replicas": replicas}}
    return Registration("urn:a", "kubernetes:apps/v1:Deployment", "a", inputs, protect=False, custom=True)


def test_the_notary_admits_what_was_planned_and_nothing_else() -> None:
    notary = Notary(b"key")
    notary.planned = {"urn:a": notary.closed(registration(2))}
    notary.admit("urn:a", registration(2))
    for urn, one in (("urn:a", registration(3)), ("urn:b", registration(2))):
        with pytest.raises(ForeignStep):
            notary.admit(urn, one)
    assert notary.foreign == ["urn:a", "urn:b"]


def test_losing_its_protection_is_a_change() -> None:
    notary = Notary(b"key")
    kept = Registration("urn:a", "kubernetes:apps/v1:StatefulSet", "a", {}, protect=True, custom=True)
    bare = Registration("urn:a", "kubernetes:apps/v1:StatefulSet", "a", {}, protect=False, custom=True)
    notary.planned = {"urn:a": notary.closed(kept)}
    with pytest.raises(ForeignStep):
        notary.admit("urn:a", bare)


def test_fresh_credentials_for_the_same_cluster_are_no_change() -> None:
    notary = Notary(b"key")
    one, two, other = (
        Registration("u", "pulumi:providers:kubernetes", "cluster", inputs, protect=False, custom=True)
        for inputs in (
            {"kubeconfig": "old", "clusterIdentifier": "1"},
            {"kubeconfig": "new", "clusterIdentifier": "1"},
            {"kubeconfig": "new", "clusterIdentifier": "2"},
        )
    )
    assert notary.closed(one) == notary.closed(two) != notary.closed(other)


def plan_of(*findings: Finding, release: str = "0.1.0") -> Plan:
    steps = (PlannedStep("private", "urn:a", "same", "kubernetes:core/v1:Service", "Service x/a", {}),)
    return Plan("shop", "private", "uid", release, steps, findings)


BREACH = Finding("no_host_access", "deployment/vault/vault", "shares the node's network", blocks=True)
WARNING = Finding("tls_only", "service/vault/vault", "cannot be told yet", blocks=False)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Of no stack: what is let through has nothing to do, and leaves its line in the history."""
    monkeypatch.setattr(apply, "keep", lambda *_: None)
    return SimpleNamespace(contour=Contour("shop", "private", tmp_path), engines=[], key=b"key")


def drafting(monkeypatch: pytest.MonkeyPatch, plan: Plan) -> None:
    monkeypatch.setattr(apply, "draft_plan", lambda *_, **__: Draft(plan, {}))


def test_a_breach_that_came_after_the_plan_is_refused(environment: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    drafting(monkeypatch, plan_of(BREACH))
    assert plan_of(BREACH).digest == plan_of().digest  # nothing else would stop it
    with pytest.raises(Blocked, match="no_host_access: deployment/vault/vault: shares the node's network"):
        apply_plan(environment, plan_of())
    assert not (environment.contour.folder / "history.jsonl").exists()


def test_a_blocked_plan_is_refused_before_anything_is_previewed(
    environment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply, "draft_plan", lambda *_, **__: pytest.fail("it was previewed"))
    with pytest.raises(Blocked, match="the plan has findings"):
        apply_plan(environment, plan_of(BREACH))


def test_a_warning_that_came_after_the_plan_does_not_stop_it(environment: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    drafting(monkeypatch, plan_of(WARNING))
    assert apply_plan(environment, plan_of())["digest"] == plan_of().digest
    assert (environment.contour.folder / "history.jsonl").exists()


def interrupted(environment: Any, pid: int) -> Journal:
    held = {"digest": "x", "began": "2026-11-29T12:00:00+00:00", "host": socket.gethostname(), "pid": pid}
    (environment.contour.folder / "applying.json").write_text(json.dumps(held))
    return Journal(environment.contour)


def test_an_empty_apply_ends_what_was_interrupted(environment: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    drafting(monkeypatch, plan_of())
    journal = interrupted(environment, GONE)
    assert journal.interrupted()
    apply_plan(environment, plan_of())
    assert journal.interrupted() is None
    assert not (environment.contour.folder / "applying.json").exists()


def test_the_mark_stays_while_another_apply_is_at_work_or_this_one_is_refused(
    environment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafting(monkeypatch, plan_of())
    interrupted(environment, os.getpid())
    apply_plan(environment, plan_of())
    assert (environment.contour.folder / "applying.json").exists()
    journal = interrupted(environment, GONE)
    drafting(monkeypatch, plan_of(BREACH))
    with pytest.raises(Blocked):
        apply_plan(environment, plan_of())
    assert journal.interrupted()


def test_another_digest_is_refused_and_told(environment: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    drafting(monkeypatch, plan_of(release="0.2.0"))
    with pytest.raises(PlanChanged, match="release is another one"):
        apply_plan(environment, plan_of())


@pytest.mark.parametrize(
    ("op", "change", "unknown", "back"),
    [
        ("repair", True, (), True),
        ("update", True, (), True),  # the engine leaves what others added
        ("adopt", True, (), True),
        ("adopt", False, (), False),
        ("update", False, (), False),
        ("update", True, ("data.x",), False),  # what is not known yet is not taken for nothing
        ("create", True, (), False),
        ("same", False, (), False),
    ],
)
def test_what_others_added_is_taken_out_by_repairs_and_after_updates(
    op: str, *, change: bool, unknown: tuple[str, ...], back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(apply, "put_back", lambda _, manifest: seen.append(manifest))
    step = replace(planned("urn:a", op), changes=(Change("spec.replicas", 3, 2),) * change, unknown=unknown)
    environment: Any = SimpleNamespace(cluster=lambda: None)
    done = apply._repair(environment, [step], {"urn:a": registration(2)}, quiet=True)
    assert seen == [registration(2).inputs] * back
    assert done == ({"repair": 1} if op == "repair" else {})
