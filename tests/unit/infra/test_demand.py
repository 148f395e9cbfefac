"""The bounds of a namespace, and what is told beside them."""

from infra.components import command, migrations
from infra.lib import demand
from infra.lib.demand import Demand
from infra.lib.parts import WorkloadSize


def test_a_migration_and_a_command_are_counted_as_large_as_they_are() -> None:
    sizes = (migrations._SIZE, command._SIZE)
    assert (
        Demand(
            len(sizes),
            sum(demand.millicores(one.cpu_limit) for one in sizes),
            sum(demand.mebibytes(one.memory) for one in sizes),
        )
        == demand.JOBS
    )


def test_what_is_exceeded_is_named_and_nothing_else() -> None:
    most = Demand(demand.PODS, demand.CPU * 1000, demand.mebibytes(demand.MEMORY), demand.mebibytes(demand.STORAGE))
    assert most.over() == ""
    assert (most + Demand(pods=1, storage=1)).over() == "pods, storage"


def test_a_rollout_has_one_pod_more() -> None:
    assert demand.of([WorkloadSize(max_replicas=3), WorkloadSize(max_replicas=1)]).pods == 6
