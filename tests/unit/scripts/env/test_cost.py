from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from scripts.env.cost import asked_for, cost_sheet
from scripts.env.errors import EnvProblem


def workload(kind: str = "Deployment", replicas: int = 2, claims: Sequence[str] = ()) -> dict[str, Any]:
    resources = {"requests": {"cpu": "250m", "memory": "512Mi"}}
    return {
        "kind": kind,
        "spec": {
            "replicas": replicas,
            "template": {"spec": {"containers": [{"resources": resources}]}},
            "volumeClaimTemplates": [{"spec": {"resources": {"requests": {"storage": size}}}} for size in claims],
        },
    }


def test_replicas_and_their_volumes_are_counted() -> None:
    asked = asked_for([workload(), workload("StatefulSet", 3, ["10Gi"])])
    assert (float(asked["cpu"]), float(asked["memory"]), float(asked["storage"])) == (1.25, 2.5, 30)


def test_a_line_without_a_price_is_marked_and_the_sum_says_so(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("cpu: 900\n")
    sheet = cost_sheet([workload()], prices)
    assert {line["line"]: line["cost"] for line in sheet["lines"]}["cpu"] == "450.00"
    assert sheet["unpriced"] == ["memory"]
    assert sheet["total"] == "450.00"


def test_without_a_price_list_there_is_no_sum(tmp_path: Path) -> None:
    sheet = cost_sheet([workload()], tmp_path / "absent.yaml")
    assert sheet["total"] is None
    assert sheet["unpriced"] == ["cpu", "memory"]


def test_a_price_list_that_is_none_is_refused(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("cpu: dear\n")
    with pytest.raises(EnvProblem):
        cost_sheet([], prices)
