"""The trial of an environment, on an instance of this machine that is addressed as one."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from scripts.smoke.deployed import DeployedStand, told_by
from scripts.smoke.doors import Doors
from scripts.smoke.halves import staged, witnessed
from scripts.smoke.stand import StandProblem
from scripts.smoke.steps import Steps, TrialEnded
from scripts.smoke.trial import as_it_should
from tests.support.addressed import Beside, doors_of, origins_of
from tests.support.instance import World


@pytest.fixture
def private(world: World, tmp_path: Path) -> Beside:
    (tmp_path / "private").mkdir()
    return Beside.of(world.instance, "private", tmp_path / "private")


@pytest.fixture
def public(world: World, tmp_path: Path) -> Beside:
    (tmp_path / "public").mkdir()
    return Beside.of(world.instance, "public", tmp_path / "public")


@pytest.fixture
def doors(world: World) -> Iterator[Doors]:
    made = doors_of(world.instance)
    yield made
    made.close()


def trial(world: World, doors: Doors, commands: Beside, steps: Steps) -> dict[str, Any]:
    return staged(origins_of(world.instance), doors, commands, steps)


def names(steps: Steps) -> list[str]:
    return [one["step"] for one in steps.told if not one["ok"]]


def test_an_order_goes_through_and_both_halves_agree(
    world: World, doors: Doors, private: Beside, public: Beside
) -> None:
    steps = Steps()
    told = trial(world, doors, private, steps)
    assert as_it_should(told)
    assert names(steps) == []
    seen = witnessed(public, steps, order=told["order"], tenant=told["tenant"], records=told["audit_records"])
    assert seen["witnessed"]
    assert seen["held"]["clear"] == []
    assert set(told["tokens"]) <= set(seen["held"]["tokens"])
    logs = json.dumps([*private.cluster.logs.values(), *public.cluster.logs.values()])
    assert told["order"] not in logs


def test_a_second_trial_finds_the_shop_of_the_first_closed_and_opens_it(
    world: World, doors: Doors, private: Beside
) -> None:
    shops = {one["tenant"]: one["status"] for one in told_by(private, "tenant", "list")}
    assert shops.get("trial") in {None, "suspended"}
    for _ in range(2):
        stand = DeployedStand(origins_of(world.instance), doors, private)
        stand.enrol()
        stand.close()
    staff = told_by(private, "staff", "list", "-t", "trial")
    assert {one["state"] for one in staff} == {"disabled"}
    assert len(staff) == 3


def test_who_signs_in_after_the_trial_is_refused(world: World, doors: Doors, private: Beside) -> None:
    stand = DeployedStand(origins_of(world.instance), doors, private)
    stand.enrol()
    stand.close()
    with pytest.raises(StandProblem):
        stand.sign_in()


DOWN = {"app": "they sign in, the seller through the CRM", "vault-worker": "from the shop to a card"}


@pytest.mark.parametrize("down", DOWN)
def test_what_is_down_is_named_by_the_step(
    down: str, world: World, doors: Doors, private: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.smoke.halves.PATIENCE", 3.0)
    steps = Steps()
    with world.without(down), pytest.raises(TrialEnded):
        trial(world, doors, private, steps)
    assert DOWN[down] in names(steps)[0]
    assert steps.told[-1]["error"]
    shops = {one["tenant"]: one["status"] for one in told_by(private, "tenant", "list")}
    assert shops["trial"] == "suspended"


def test_a_value_in_the_public_database_would_be_seen(world: World, public: Beside) -> None:
    card, _ = world.arrive()
    change = "UPDATE orders SET city = %s WHERE id = %s"
    world.rows("public", change, "Тверь, +7 916 123-45-67", card["id"])
    held: Mapping[str, Any] = told_by(public, "held", card["id"], "--tenant", "demo", may_fail=True)
    assert held["clear"] == ["orders.city"]


def test_a_log_that_is_not_witnessed_yet_is_no_success(public: Beside) -> None:
    newest = told_by(public, "witness", "newest", "--at-least", "1000000000", may_fail=True)
    assert 0 < newest["size"] < 1_000_000_000
