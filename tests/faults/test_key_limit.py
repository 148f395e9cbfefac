"""The key service away for longer than keys may be kept: what is at hand serves until then, and nothing after it.

Real processes of the vault, two workers, and a time limit of seconds where production has ten minutes.
"""

import time
from collections.abc import Iterator, Sequence

import pytest

from scripts.voice import say
from tests.faults.callers import recovered, reveal, wrong
from tests.faults.share import some
from tests.faults.stage import Stage, staged
from tests.faults.watch import Group, Watch, each_worker, faults, store, told, watch

LIMIT = 5.0
WORKERS = 2
FAULTS = ("gone", "sealed", "broken", "throttled", "slow")
SLOW_SECONDS = 1.0  # as long as the engine may take for an answer that is waited for


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("limit")
    with staged(folder, shops=len(FAULTS) + 2, workers=WORKERS, more={"dek_seconds": LIMIT}) as made:
        yield made


def taken_away(stage: Stage, shop: str, fault: str) -> tuple[Watch, tuple[Group, Group]]:
    """What was seen of a vault that had forgotten the keys of what it stored."""
    with stage.client(shop) as client:
        groups = store(client, 0)
    time.sleep(LIMIT)
    with each_worker(lambda: stage.client(shop), WORKERS) as clients:
        return watch(clients, groups, limit=LIMIT, take_away=lambda: stage.fail(fault)), groups


def all_are_right(stage: Stage, shop: str, groups: Sequence[Group]) -> None:
    with each_worker(lambda: stage.client(shop), WORKERS) as clients:
        for client in clients:
            for group in groups:
                assert wrong(recovered(lambda: reveal(client, group.tokens)), group.numbers) == []  # noqa: B023


@pytest.mark.parametrize("fault", some(FAULTS))
def test_warm_keys_serve_for_their_time_and_no_longer_and_cold_ones_are_refused(
    stage: Stage, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop,) = stage.shops(1)
    seen, groups = taken_away(stage, shop, fault)
    with capsys.disabled():
        say(f"  {fault}: {told(seen)}")
    assert stage.engine.faulted, "the fault befell nothing"
    stage.heal()
    assert faults(seen, limit=LIMIT) == []
    all_are_right(stage, shop, groups)
    assert stage.chain() == []
    # Held against another limit, the same answers are wrong.
    assert any("refused within the limit" in each for each in faults(seen, limit=LIMIT + 3))
    assert any("served past the limit" in each for each in faults(seen, limit=LIMIT - 3))


def test_a_slow_key_service_is_waited_for(stage: Stage) -> None:
    (shop,) = stage.shops(1)
    with stage.client(shop) as client:
        groups = store(client, 0)
        time.sleep(LIMIT)
        stage.fail("slow", slow_seconds=SLOW_SECONDS)
        begun = time.monotonic()
        assert wrong(reveal(client, groups[0].tokens), groups[0].numbers) == []
        assert time.monotonic() - begun >= SLOW_SECONDS
        stage.heal()


def test_the_twin_a_vault_that_keeps_keys_and_waits_without_end_is_found_out(stage: Stage) -> None:
    (shop,) = stage.shops(1)
    before = dict(stage.rig.settings)
    stage.rig.kill_vault()
    stage.rig.settings["LARETS_VAULT_DEK_SECONDS"] = "600"
    stage.rig.start_vault(module="tests.faults.patient")
    with stage.client(shop) as client:
        groups = store(client, 0)
    stage.rig.kill_vault()  # it would never forget them
    stage.rig.start_vault(module="tests.faults.patient")
    with each_worker(lambda: stage.client(shop), WORKERS) as clients:
        seen = watch(clients, groups, limit=LIMIT, take_away=lambda: stage.fail("gone"))
    stage.heal()
    found = faults(seen, limit=LIMIT)
    assert any("warm" in each and "served past the limit" in each for each in found), found
    assert any("cold" in each and "waited for" in each for each in found), found
    stage.rig.kill_vault()
    stage.rig.settings.clear()
    stage.rig.settings.update(before)
    stage.rig.start_vault()
    all_are_right(stage, shop, groups)
