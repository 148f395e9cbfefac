"""Runs the rules over what is about to be deployed, and turns what Pulumi or YAML says into what a rule looks at."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from policies.catalogue import Rule, rules
from policies.rules.model import UNKNOWN, Facts, Outcome, Resource

# How the engine marks values on the wire; both are published constants of its protocol.
_UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_MARK: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  a mark, not a secret
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule's verdict on a resource: what is wrong, how bad it is, which norm says so, what to do."""

    rule: Rule
    resource: str
    outcome: Outcome
    reason: str

    def as_json(self) -> dict[str, Any]:
        told = self.rule.told
        return {
            "rule": self.rule.id,
            "title": told.title.model_dump(),
            "severity": told.severity,
            "norm": list(told.norm),
            "resource": self.resource,
            "outcome": str(self.outcome),
            "reason": self.reason,
            "fix": told.fix,
        }


def judge(resources: Iterable[Resource], facts: Facts) -> list[Judged]:
    """What fails and what cannot be told yet, the worst first. Nothing is what good looks like."""
    order = {"critical": 0, "high": 1, "medium": 2, "low": 3}
    known = list(resources)
    found = [
        Judged(rule, breach.resource, breach.outcome, breach.reason)
        for rule in rules()
        for breach in rule.check(known, facts)
    ]
    return sorted(
        found,
        key=lambda one: (one.outcome is Outcome.UNKNOWN, order[one.rule.told.severity], one.rule.id, one.resource),
    )


def outcome(rule: Rule, resources: Sequence[Resource], facts: Facts) -> Outcome:
    """Fail if anything fails, unknown if anything is, else pass."""
    found = {breach.outcome for breach in rule.check(resources, facts)}
    return next((one for one in (Outcome.FAIL, Outcome.UNKNOWN) if one in found), Outcome.PASS)


def of_manifests(manifests: Iterable[Mapping[str, Any]]) -> Iterator[Resource]:
    """Rendered manifests: there is no provider and no protection to look at."""
    for manifest in manifests:
        yield Resource(manifest)


def of_registration(
    inputs: Mapping[str, Any], *, provider: str | None, protect: bool | None, action: str = "create"
) -> Resource:
    """What the engine was asked to register, as it went over the wire: unknown and secret values are marked in it."""
    sealed = frozenset(key for key, value in inputs.items() if holds_secret(value))
    clear = {key: opened(value) for key, value in inputs.items()}
    return Resource(clear, sealed=sealed, provider=provider, protect=protect, action=action)


def holds_secret(value: Any) -> bool:
    """Whether anything in it is marked secret."""
    if isinstance(value, Mapping):
        if value.get(_MARK) == _SECRET or (value.get(_MARK) == _OUTPUT and value.get("secret")):
            return True
        return any(holds_secret(item) for item in value.values())
    return isinstance(value, list | tuple) and any(holds_secret(item) for item in value)


def opened(value: Any) -> Any:
    """The value without the engine's marks; what is not known becomes UNKNOWN."""
    if value == _UNKNOWN:
        return UNKNOWN
    if isinstance(value, Mapping):
        if value.get(_MARK) in {_SECRET, _OUTPUT}:
            return opened(value["value"]) if "value" in value else UNKNOWN
        return {key: opened(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [opened(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)  # the wire knows no whole numbers
    return value
