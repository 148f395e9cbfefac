"""The rival needs its engine, and says so before anything is started."""

import inspect
from pathlib import Path

import pytest

from scripts.bench import rivals
from scripts.bench.bare import Bare
from scripts.bench.hand_rolled import HandRolled
from scripts.local.instance import InstanceProblem


def test_a_missing_engine_is_told_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rivals, "ENGINE", tmp_path / "vault")
    with pytest.raises(InstanceProblem, match="make tools"):
        rivals.require_engine()
    (tmp_path / "vault").touch()
    rivals.require_engine()


@pytest.mark.parametrize("order", ["prepare", "populate"])
def test_the_rival_takes_the_orders_that_the_limit_takes(order: str) -> None:
    limit, rival = (inspect.signature(getattr(one, order)).parameters for one in (Bare, HandRolled))
    assert set(limit) == set(rival)
