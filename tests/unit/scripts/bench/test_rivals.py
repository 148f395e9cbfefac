"""The rival needs its engine, and says so before anything is started."""

from pathlib import Path

import pytest

from scripts.bench import rivals
from scripts.local.instance import InstanceProblem


def test_a_missing_engine_is_told_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rivals, "ENGINE", tmp_path / "vault")
    with pytest.raises(InstanceProblem, match="make tools"):
        rivals.require_engine()
    (tmp_path / "vault").touch()
    rivals.require_engine()
