"""The abuse of an environment, on an instance of this machine that is addressed as one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.smoke.deployed import DeployedStand
from tests.e2e.abuse import Target
from tests.e2e.deployed_abuse import CASES, Attack, Neighbour, prepared, twin
from tests.support.addressed import Beside, doors_of, origins_of
from tests.support.instance import World


@pytest.fixture(scope="module")
def attack(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attack]:
    card, who = world.arrive()
    subject = world.rows("public", "SELECT subject FROM contact WHERE id = %s", card["contact_id"])[0][0]
    secrets = (who.phone[-10:], who.email, who.last_name, who.address_1)
    target = Target(card["contact_tokens"]["phone"][0], subject, who.phone, secrets)
    neighbour = Neighbour(target, card["id"], card["contact_id"], world.shop)
    folder: Path = tmp_path_factory.mktemp("beside")
    doors, origins = doors_of(world.instance), origins_of(world.instance)
    stand = DeployedStand(origins, doors, Beside.of(world.instance, "private", folder))
    try:
        yield prepared(origins, world.instance.console_origin, doors, stand, neighbour, files=True)
    finally:
        stand.close()


def test_the_twin_the_right_seller_is_answered(attack: Attack) -> None:
    found = "\n".join(twin(attack))
    for verb in ("mask", "reveal", "search"):
        assert f"vault POST /frames/api/{verb}: 200" in found


@pytest.mark.parametrize("case", CASES)
def test_nothing_opens(attack: Attack, case: str) -> None:
    assert list(CASES[case](attack)) == []
