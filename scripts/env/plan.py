"""A plan: what would be done to one contour, step by step, with a digest over all of it.

The digest covers the header and, of each step, its URN, operation, full inputs and the fields that would change in the
cluster. Secrets enter as HMAC under the contour's key. The file carries an HMAC too: an edited plan is no plan.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from infra.clouds.choose import KINDS
from scripts.env.errors import EnvProblem
from scripts.env.inputs import agrees, canonical
from scripts.env.objects import Change
from scripts.files import write_whole

FORMAT: Final = 1
SAME: Final = "same"
CREATE: Final = "create"
REPAIR: Final = "repair"
UPDATE: Final = "update"
ADOPT: Final = "adopt"  # an object that lives already and stands in no state: made in name only
DELETES: Final = frozenset({"delete", "delete-replaced"})
REPLACES: Final = frozenset({"replace", "create-replacement", "delete-replaced"})
# Losing one of these loses what cannot be made again.
STATEFUL: Final = KINDS | {"StatefulSet", "PersistentVolumeClaim", "PersistentVolume", "Namespace", "Cluster"}


class PlanInvalid(EnvProblem):
    """The plan's file is not one that was made here, or was changed since."""

    hint = "make a new one: `larets env plan`"


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """`object` is kind, namespace and name as people say it; `inputs` are closed; `changes` are against what lives."""

    stack: str
    urn: str
    op: str
    type: str
    object: str
    inputs: Any
    unknown: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    replaced: tuple[str, ...] = ()
    protect: bool = False

    @property
    def kind(self) -> str:
        return self.type.rsplit(":", 1)[-1]

    @property
    def loses(self) -> bool:
        """Would it remove or replace what holds data?"""
        return self.op in DELETES | REPLACES and (self.kind in STATEFUL or self.protect)

    @property
    def idle(self) -> bool:
        return self.op == SAME and not self.changes


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule or the API server has against the plan. `blocks`: it cannot be applied."""

    rule: str
    object: str
    reason: str
    blocks: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """`provider`: genuine or stand-in; `made` is when, `made_from` the SHA-256 of settings and of each stack's state,
    where these are files: none of them enters the digest.
    """

    environment: str
    side: str
    cluster: str
    release: str
    steps: tuple[PlannedStep, ...]
    findings: tuple[Finding, ...] = ()
    cost: Mapping[str, Any] = field(default_factory=dict)
    provider: str = ""
    made: str = ""
    made_from: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        whole = [FORMAT, self.environment, self.side, self.cluster, self.release]
        steps = [_covered(step) for step in sorted(self.steps, key=lambda step: (step.stack, step.urn, step.op))]
        return hashlib.sha256(canonical([whole, steps])).hexdigest()

    @property
    def empty(self) -> bool:
        return all(step.idle for step in self.steps)

    @property
    def blocked(self) -> bool:
        return any(finding.blocks for finding in self.findings)

    def of(self, stack: str) -> list[PlannedStep]:
        return [step for step in self.steps if step.stack == stack]

    def as_json(self) -> dict[str, Any]:
        return {"format": FORMAT, "digest": self.digest, **asdict(self)}

    def save(self, path: Path, key: bytes) -> None:
        content = self.as_json()
        write_whole(path, json.dumps(content | {"mac": _mac(content, key)}, ensure_ascii=False, indent=1), mode=0o600)


def load_plan(path: Path, key: bytes) -> Plan:
    """Raises PlanInvalid: not readable, not of this contour, or changed since it was made."""
    try:
        content = json.loads(path.read_text("utf-8"))
        mac = content.pop("mac")
        plan = Plan(
            **{
                name: content[name]
                for name in ("environment", "side", "cluster", "release", "cost", "provider", "made", "made_from")
            },
            steps=tuple(_step(item) for item in content["steps"]),
            findings=tuple(Finding(**item) for item in content["findings"]),
        )
        whole = hmac.compare_digest(mac, _mac(content, key)) and content["digest"] == plan.digest
    except OSError as error:
        raise PlanInvalid(f"{path} cannot be read") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PlanInvalid(f"{path} is not a plan") from error
    if not whole:
        raise PlanInvalid
    return plan


def parted(old: Plan, new: Plan) -> Iterator[str]:
    """How the second differs from the first, for the person who approved the first."""
    for name in ("environment", "side", "cluster", "release"):
        if getattr(old, name) != getattr(new, name):
            yield f"{name} is another one"
    before, after = ({(step.urn, step.op): step for step in plan.steps} for plan in (old, new))
    for at in sorted(before.keys() | after.keys()):
        step = after.get(at) or before[at]
        if at not in after:
            yield f"no longer: {step.op} {step.object}"
        elif at not in before:
            yield f"new: {step.op} {step.object}"
        elif _covered(before[at]) != _covered(after[at]):
            yield f"otherwise: {step.op} {step.object}" + _fields(before[at], after[at])


def matches(planned: PlannedStep, inputs: Any) -> bool:
    return agrees(planned.inputs, inputs)


def _fields(before: PlannedStep, after: PlannedStep) -> str:
    sides = [{change.path: change for change in step.changes} for step in (before, after)]
    paths = sorted(path for path in sides[0].keys() | sides[1].keys() if sides[0].get(path) != sides[1].get(path))
    return f" ({', '.join(paths)})" if paths else ""


def _covered(step: PlannedStep) -> list[Any]:
    told = sorted(([change.path, change.before, change.after] for change in step.changes), key=lambda one: str(one[0]))
    return [step.stack, step.urn, step.op, step.inputs, told, sorted(step.replaced)]


def _step(item: dict[str, Any]) -> PlannedStep:
    lists = {name: tuple(item[name]) for name in ("unknown", "replaced")}
    return PlannedStep(**item | lists | {"changes": tuple(Change(**change) for change in item["changes"])})


def _mac(content: Mapping[str, Any], key: bytes) -> str:
    return hmac.new(key, canonical(content), hashlib.sha256).hexdigest()
