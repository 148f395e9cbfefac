"""What a plan says of objects that live already, beyond what the engine knows."""

from typing import Any

import pytest

from scripts.env.engine import Step
from scripts.env.live import Compared
from scripts.env.notary import Notary, Registration
from scripts.env.objects import Change
from scripts.env.plan import PlannedStep
from scripts.env.planning import _removed_twins, _step

SERVICE = "kubernetes:core/v1:Service"
CHANGED = (Change("spec.ports", 1, 2),)


@pytest.mark.parametrize(
    ("op", "compared", "told"),
    [
        ("create", Compared("live"), "adopt"),
        ("create", Compared("live", CHANGED), "adopt"),
        ("create", Compared("absent", CHANGED), "create"),
        ("create", Compared("later"), "create"),
        ("same", Compared("live"), "same"),
        ("same", Compared("live", CHANGED), "repair"),
        ("same", Compared("absent"), "repair"),
        ("update", Compared("live", CHANGED), "update"),
    ],
)
def test_what_lives_and_stands_in_no_state_is_adopted(op: str, compared: Compared, told: str) -> None:
    inputs = {"kind": "Service", "metadata": {"name": "edge", "namespace": "edge"}}
    asked = Registration("urn", SERVICE, "service/edge/edge", inputs, protect=False, custom=True)
    assert _step("private", Step("urn", op, SERVICE, {}, ()), asked, compared, Notary(b"key")).op == told


def _planned(op: str, **other: Any) -> PlannedStep:
    given = {"type": SERVICE, "object": "Service edge/edge"} | other
    return PlannedStep("private", f"urn of {op}", op, inputs={}, **given)


def test_an_object_under_two_names_of_the_state_is_refused() -> None:
    found = _removed_twins([_planned("adopt"), _planned("delete")])
    assert [(one.object, one.blocks) for one in found] == [("Service edge/edge", True)]


@pytest.mark.parametrize(
    "steps",
    [
        [_planned("create"), _planned("delete", object="Service edge/another")],
        [_planned("delete-replaced"), _planned("create-replacement")],
        [_planned("create", type="larets:Edge"), _planned("delete", type="larets:Edge")],
    ],
    ids=["another object", "a replacement", "a group of objects"],
)
def test_one_that_only_goes_or_is_replaced_is_not(steps: list[PlannedStep]) -> None:
    assert _removed_twins(steps) == []
