"""The shipped thresholds load; broken ones stop the start."""

from pathlib import Path

import pytest

from pii_vault.alarms.policy import load_alarms
from pii_vault.errors import PolicyError

SHIPPED = Path("policies/alarms.yaml")


def test_the_shipped_file_loads() -> None:
    assert load_alarms(SHIPPED).volume.history_days == 30


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("refusals: 10", "refusals: 0"),
        ("refusals: 10", "refusals: many"),
        ("refusals: 10", "refusal: 10"),
        ("from: 22", "from: 24"),
        ("times: 5", "times: 1"),
        ("over_budget: 1", ""),
        ("over_budget: 1", "over_budget: 1\nextra: 1"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, old: str, new: str) -> None:
    text = SHIPPED.read_text("utf-8")
    assert old in text
    (tmp_path / "alarms.yaml").write_text(text.replace(old, new), "utf-8")
    with pytest.raises(PolicyError, match=r"alarms\.yaml"):
        load_alarms(tmp_path / "alarms.yaml")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError):
        load_alarms(tmp_path / "alarms.yaml")
