"""What the cluster holds otherwise than was applied, field by field, by server-side dry run of what the state says."""

from dataclasses import asdict, dataclass
from typing import Any

from scripts.env.environment import Environment
from scripts.env.live import compare, from_state
from scripts.env.notary import KUBERNETES
from scripts.env.objects import Change


@dataclass(frozen=True, slots=True)
class Drifted:
    """An object that is not as it was applied. `missing`: it is gone."""

    stack: str
    object: str
    missing: bool
    changes: tuple[Change, ...]
    refused: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def find_drift(environment: Environment) -> tuple[list[Drifted], int]:
    """Drifted objects, and how many were looked at. Changes nothing.

    Raises:
        WrongCluster, ClusterAway
    """
    cluster, key = environment.cluster(), environment.key
    found, looked = [], 0
    for engine in environment.engines:
        resources = engine.exported().get("resources", [])
        objects = [from_state(one["inputs"]) for one in resources if one["type"].startswith(KUBERNETES)]
        looked += len(objects)
        for inputs, one in zip(objects, compare(cluster, objects, key), strict=True):
            missing = one.state != "live"
            if missing or one.changes or one.refused:
                changes = () if missing else one.changes
                found.append(Drifted(engine.program.stack, _spelt(inputs), missing, changes, one.refused))
    return found, looked


def _spelt(inputs: dict[str, Any]) -> str:
    meta = inputs["metadata"]
    place = f"{meta['namespace']}/" if meta.get("namespace") else ""
    return f"{inputs['kind']} {place}{meta['name']}"
