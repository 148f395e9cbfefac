import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.env.objects import Change
from scripts.env.plan import Finding, Plan, PlanInvalid, PlannedStep, load_plan, parted

KEY = b"of this contour"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def step(**other: Any) -> PlannedStep:
    base = PlannedStep(
        stack="private",
        urn="urn:1",
        op="update",
        type=DEPLOYMENT,
        object="Deployment vault/web",
        inputs={"inputs": {"spec": {"replicas": 2}}},
        changes=(Change("spec.replicas", 1, 2),),
    )
    return replace(base, **other)


def plan(*steps: PlannedStep, **other: Any) -> Plan:
    base = Plan("shop", "private", "uid", "0.1.0", steps or (step(),), provider="stand-in", made="now")
    return replace(base, **other)


@pytest.mark.parametrize(
    "other",
    [
        plan(step(urn="urn:2")),
        plan(step(op="create")),
        plan(step(stack="platform")),
        plan(step(inputs={"inputs": {"spec": {"replicas": 3}}})),
        plan(step(changes=(Change("spec.replicas", 5, 2),))),
        plan(step(replaced=("spec.selector",))),
        plan(step(), step(urn="urn:2")),
        plan(cluster="another"),
        plan(side="public"),
        plan(release="0.2.0"),
    ],
)
def test_the_digest_covers_all_that_would_be_done(other: Plan) -> None:
    assert other.digest != plan().digest
    assert list(parted(plan(), other))


@pytest.mark.parametrize("same", [plan(made="later"), plan(provider="genuine"), plan(cost={"total": "1"})])
def test_the_digest_does_not_hang_on_when_it_was_made(same: Plan) -> None:
    assert same.digest == plan().digest
    assert not list(parted(plan(), same))


def test_the_order_of_steps_is_the_engines_business() -> None:
    one, two = step(), step(urn="urn:2")
    assert plan(one, two).digest == plan(two, one).digest


def test_a_saved_plan_comes_back_as_it_was(tmp_path: Path) -> None:
    made = plan(step(unknown=("spec.x",)), findings=(Finding("rule", "object", "why", blocks=False),))
    made.save(tmp_path / "plan.json", KEY)
    assert load_plan(tmp_path / "plan.json", KEY) == made
    assert (tmp_path / "plan.json").stat().st_mode & 0o077 == 0


def test_an_edited_plan_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    plan(findings=(Finding("rule", "object", "why", blocks=True),)).save(path, KEY)
    content = json.loads(path.read_text())
    content["findings"] = []
    path.write_text(json.dumps(content))
    with pytest.raises(PlanInvalid):
        load_plan(path, KEY)


def test_a_plan_of_the_other_contour_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    plan().save(path, KEY)
    with pytest.raises(PlanInvalid):
        load_plan(path, b"of the other contour")


@pytest.mark.parametrize("content", ["", "{}", "[]", "not json", '{"mac": 1}'])
def test_what_is_no_plan_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(content)
    with pytest.raises(PlanInvalid):
        load_plan(path, KEY)


@pytest.mark.parametrize(
    ("op", "kind", "protect", "loses"),
    [
        ("delete", "apps/v1:StatefulSet", False, True),
        ("create-replacement", "core/v1:PersistentVolumeClaim", False, True),
        ("delete", "core/v1:Secret", True, True),
        ("update", "apps/v1:StatefulSet", False, False),
        ("delete", "apps/v1:Deployment", False, False),
    ],
)
def test_what_holds_data_is_told_when_it_would_be_lost(op: str, kind: str, *, protect: bool, loses: bool) -> None:
    assert step(op=op, type=f"kubernetes:{kind}", protect=protect).loses is loses


def test_a_step_with_a_drifted_object_is_not_idle() -> None:
    assert step(op="same", changes=()).idle
    assert not step(op="same").idle
