"""When the stand-in calls an object ready: as the genuine provider does, whose users wait for the same things."""

from typing import Any

import pytest

from tests.rehearsal.provider.ready import NotReady, wait_ready


class Standing:
    """A cluster in which nothing moves."""

    def __init__(self, live: dict[str, Any]) -> None:
        self._live = live

    def read(self, _: dict[str, Any]) -> dict[str, Any]:
        return self._live


def members(*, strategy: str, ready: int = 3, updated: int = 3, skip: bool = False) -> dict[str, Any]:
    return {
        "kind": "StatefulSet",
        "metadata": {
            "name": "members", "generation": 2, "annotations": {"pulumi.com/skipAwait": "true"} if skip else {},
        },
        "spec": {"replicas": 3, "updateStrategy": {"type": strategy}},
        "status": {"observedGeneration": 2, "readyReplicas": ready, "updatedReplicas": updated},
    }  # fmt: skip


def waited(live: dict[str, Any]) -> dict[str, Any]:
    return wait_ready(Standing(live), live, patience=0.01)  # type: ignore[arg-type]


def test_pods_that_a_person_replaces_are_ready_with_older_ones() -> None:
    live = members(strategy="OnDelete", updated=0)
    assert waited(live) is live


@pytest.mark.parametrize(
    "live",
    [
        members(strategy="RollingUpdate", updated=0),
        members(strategy="OnDelete", ready=2),
        members(strategy="OnDelete", ready=0),  # sealed
    ],
)
def test_what_rolls_out_or_is_away_is_not(live: dict[str, Any]) -> None:
    with pytest.raises(NotReady):
        waited(live)


def test_a_sealed_key_service_is_not_waited_for() -> None:
    live = members(strategy="OnDelete", ready=0, skip=True)
    assert waited(live) is live
