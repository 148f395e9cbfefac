"""What manifests ask for, and what it costs: an autoscaler by its least and its largest, and nothing left out."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from scripts.env.asked import CPU, MEMORY, PODS, STORAGE, asked_for, claimed_classes, given_by, quantity
from scripts.env.cost import cost_sheet
from scripts.env.errors import EnvProblem


def workload(kind: str = "Deployment", replicas: int | None = 2, claims: Sequence[str] = ()) -> dict[str, Any]:
    resources = {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
    return {
        "kind": kind,
        "metadata": {"namespace": "app", "name": "app"},
        "spec": ({} if replicas is None else {"replicas": replicas})
        | {
            "template": {"spec": {"containers": [{"resources": resources}]}},
            "volumeClaimTemplates": [{"spec": {"resources": {"requests": {"storage": size}}}} for size in claims],
        },
    }


def test_replicas_and_their_volumes_are_counted() -> None:
    asked = asked_for([workload(), workload("StatefulSet", 3, ["10Gi"])])
    assert (float(asked[CPU]), float(asked[MEMORY]), float(asked[STORAGE])) == (1.25, 2.5, 30)
    assert (int(asked[PODS]), int(asked["persistentvolumeclaims"])) == (5, 3)


def autoscaler(least: int, most: int, *, of: str = "app") -> dict[str, Any]:
    spec = {"scaleTargetRef": {"name": of}, "minReplicas": least, "maxReplicas": most}
    return {"kind": "HorizontalPodAutoscaler", "metadata": {"namespace": "app", "name": of}, "spec": spec}


def test_an_autoscalers_least_is_paid_for_and_its_largest_is_what_a_quota_has_to_allow() -> None:
    scaled = [workload(replicas=None), autoscaler(2, 6)]
    assert asked_for(scaled)[PODS] == 2
    assert asked_for(scaled, "rolled out")[PODS] == 3  # one more while it is rolled out
    largest = asked_for(scaled, "largest")
    assert (int(largest[PODS]), int(largest["limits.cpu"]), float(largest[CPU])) == (7, 7, 1.75)


def test_another_workloads_autoscaler_changes_nothing() -> None:
    assert asked_for([workload(replicas=None), autoscaler(2, 6, of="other")])[PODS] == 1


def test_a_container_that_runs_before_the_others_counts_where_it_asks_for_more() -> None:
    pod = workload(replicas=1)
    first = {"resources": {"requests": {"cpu": "2", "memory": "64Mi"}}}
    pod["spec"]["template"]["spec"]["initContainers"] = [first]
    asked = asked_for([pod])
    assert (float(asked[CPU]), float(asked[MEMORY])) == (2, 0.5)


def test_a_job_is_not_paid_for_by_the_month_and_needs_room() -> None:
    assert asked_for([workload("Job")])[PODS] == 0
    assert asked_for([workload("Job")], "rolled out")[PODS] == 1


def test_every_member_of_a_database_is_counted_with_its_volume_and_class() -> None:
    resources = {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "1", "memory": "2Gi"}}
    spec = {"instances": 3, "resources": resources, "storage": {"size": "1Ti", "storageClass": "ssd"}}
    one = {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": {"name": "postgres"}, "spec": spec}
    asked = asked_for([one], "largest")
    assert [int(asked[line]) for line in (PODS, "limits.memory", STORAGE)] == [3, 6, 3072]
    assert claimed_classes([one, workload("StatefulSet", 1, ["1Gi"])]) == {"ssd", ""}


@pytest.mark.parametrize(
    ("line", "text", "meant"),
    [
        (CPU, "250m", "0.25"),
        (MEMORY, "1073741824", "1"),
        (STORAGE, "2Ti", "2048"),
        (PODS, "1k", "1000"),
        (PODS, "?", "0"),
    ],
)
def test_quantities_are_read_as_kubernetes_writes_them(line: str, text: str, meant: str) -> None:
    assert quantity(line, text) == Decimal(meant)


def test_only_what_is_said_is_compared() -> None:
    nodes = [{"status": {"allocatable": {"cpu": "2", "memory": "4Gi", "ephemeral-storage": "1Gi"}}}] * 2
    assert given_by(nodes) == {CPU: 4, MEMORY: 8}


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
