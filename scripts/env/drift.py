"""What the cluster holds otherwise than was applied, field by field, by server-side dry run of what the state says."""

import shlex
from dataclasses import asdict, dataclass
from typing import Any

from scripts.env.environment import Environment
from scripts.env.foreign import find_foreign
from scripts.env.kube import Manifest
from scripts.env.live import AT_ONCE, compare, from_state, manifest_of
from scripts.env.notary import KUBERNETES
from scripts.env.objects import Change, named


@dataclass(frozen=True, slots=True)
class Drifted:
    """An object that is not as it was applied. `missing`: it is gone.

    `foreign`: no stack made it, so `apply` leaves it alone; what to do instead. Its `stack` is empty.
    """

    stack: str
    object: str
    missing: bool
    changes: tuple[Change, ...]
    refused: str = ""
    foreign: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def find_drift(environment: Environment) -> tuple[list[Drifted], int]:
    """Drifted objects, and how many were looked at. Changes nothing.

    Raises:
        WrongCluster, ClusterAway
    """
    cluster, key = environment.cluster(), environment.key
    found: list[Drifted] = []
    ours: list[Manifest] = []
    for engine in environment.engines:
        resources = engine.exported().get("resources", [])
        objects = [from_state(one["inputs"]) for one in resources if one["type"].startswith(KUBERNETES)]
        ours += map(manifest_of, objects)
        for inputs, one in zip(objects, compare(cluster, objects, key), strict=True):
            missing = one.state != "live"
            if missing or one.changes or one.refused:
                changes = () if missing else one.changes
                found.append(Drifted(engine.program.stack, named(inputs), missing, changes, one.refused))
    found += [
        Drifted("", named(one), missing=False, changes=(), foreign=_advice(one, environment.settings.cluster.context))
        for one in find_foreign(cluster, ours, AT_ONCE)
    ]
    return found, len(ours)


def _advice(one: Manifest, context: str) -> str:
    meta = one["metadata"]
    place = f" -n {meta['namespace']}" if meta.get("namespace") else ""
    return (
        "no stack made it and `apply` leaves it alone; ask whose it is, then: "
        f"kubectl --context {shlex.quote(context)}{place} delete {one['kind'].lower()} {meta['name']}"
    )
