import pytest

from scripts.env.apply import Watch
from scripts.env.engine import Step
from scripts.env.errors import ForeignStep
from scripts.env.notary import Notary, Registration
from scripts.env.plan import PlannedStep


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
