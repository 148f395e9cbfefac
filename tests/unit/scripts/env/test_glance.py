"""Whether an empty plan still holds is told without the engine only where nothing at all has changed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from infra import material
from infra.registered import ROOT
from scripts.env import glance as module
from scripts.env.engine import Engine
from scripts.env.environment import Environment
from scripts.env.glance import glance
from scripts.env.live import Compared
from scripts.env.notary import Notary
from scripts.env.objects import Change
from scripts.env.plan import SAME, Finding, Plan, PlannedStep
from scripts.env.plugins import provider_kind
from tests.support.fake_cluster import FakeCluster
from tests.unit.scripts.env.conftest import Opener

BREACH = Finding("no_host_access", "deployment/vault/vault", "shares the node's network", blocks=True)
CHANGED = Compared("live", (Change("spec.replicas", 1, 2),))


@pytest.fixture
def environment(cluster: FakeCluster, opened: Opener, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """Applied once: values and states are there, and the cluster holds what was applied."""
    del cluster
    made = opened("private")
    values = {
        stack: material.make(stack, made.settings, {}, now=datetime.now(UTC)) for stack in ("platform", "private")
    }
    monkeypatch.setattr(Engine, "values", lambda engine: values[engine.program.stack])
    monkeypatch.setattr(module, "compare", lambda _, asked, __: [Compared("live") for _ in asked])
    for engine in made.engines:
        engine.state.parent.mkdir(parents=True)
        engine.state.write_text(engine.program.stack)
    return made


@pytest.fixture
def plan(environment: Environment) -> Plan:
    notary = Notary(environment.key)
    root = PlannedStep("private", "urn:root", SAME, ROOT, "Stack", {"inputs": {}})
    steps = [
        PlannedStep("private", urn, SAME, one.type, one.name, notary.closed(one))
        for found in module._registered(environment)
        for urn, one in found.items()
    ]
    return Plan(
        "shop", "private", str(environment.settings.cluster.identifier), environment.release, (root, *steps),
        provider=provider_kind(environment.contour), made_from=environment.made_from(),
    )  # fmt: skip


def test_an_empty_plan_that_still_holds_is_the_same_plan(environment: Environment, plan: Plan) -> None:
    draft = glance(environment, plan)
    assert draft is not None
    assert draft.plan.digest == plan.digest
    assert len(draft.registrations) == len(plan.steps) - 1 > 40


def _settings(environment: Environment, _: pytest.MonkeyPatch) -> None:
    environment.contour.settings.write_text(environment.contour.settings.read_text() + "\n# a word\n")


def _state(environment: Environment, _: pytest.MonkeyPatch) -> None:
    environment.engines[0].state.write_text("another run was here")


def _program(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {engine.program.stack: engine.values() for engine in environment.engines}
    values["private"] = values["private"] | {"database-runtime": "another-one"}
    monkeypatch.setattr(Engine, "values", lambda engine: values[engine.program.stack])


def _drift(_: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "compare", lambda _, asked, __: [CHANGED, *(Compared("live") for _ in asked[1:])])


def _gone(_: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        module, "compare", lambda _, asked, __: [*(Compared("live") for _ in asked[1:]), Compared("absent")]
    )


def _refused(_: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "compare", lambda _, asked, __: [Compared("live", (), "no") for _ in asked])


@pytest.mark.parametrize("change", [_settings, _state, _program, _drift, _gone, _refused])
def test_whatever_changed_is_left_to_the_engine(
    environment: Environment,
    plan: Plan,
    change: Callable[[Environment, pytest.MonkeyPatch], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change(environment, monkeypatch)
    assert glance(environment, plan) is None


@pytest.mark.parametrize(
    "alter",
    [
        lambda plan: replace(plan, steps=plan.steps[:-1]),  # one object more than was planned
        lambda plan: replace(plan, steps=(*plan.steps, replace(plan.steps[-1], urn="urn:gone"))),
        lambda plan: replace(plan, steps=(*plan.steps[:-1], replace(plan.steps[-1], op="update"))),
        lambda plan: replace(plan, made_from={}),
        lambda plan: replace(plan, provider="genuine"),
    ],
    ids=["one more", "one less", "not empty", "made from who knows what", "another provider"],
)
def test_another_plan_is_left_to_the_engine(
    environment: Environment, plan: Plan, alter: Callable[[Plan], Plan]
) -> None:
    assert glance(environment, alter(plan)) is None


def test_a_breach_that_came_since_is_found_here_too(
    environment: Environment, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def findings(registered: Any, *_: Any) -> list[Finding]:
        asked.append(registered)
        return [BREACH]

    monkeypatch.setattr(module, "rule_findings", findings)
    draft = glance(environment, plan)
    assert draft is not None
    assert draft.plan.findings == (BREACH,)
    assert asked == [draft.registrations]


def test_a_state_that_is_no_file_is_left_to_the_engine(environment: Environment, plan: Plan) -> None:
    environment.engines[0].state.unlink()
    assert environment.made_from() == {}
    assert glance(environment, plan) is None
