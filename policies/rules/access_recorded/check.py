"""Something is logged, and what holds secrets at Metadata only."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from policies.rules.model import UNKNOWN, Breach, Facts, Resource, each, get, must

CLOSED: Final = frozenset({"secrets", "serviceaccounts/token", "tokenreviews"})


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        if resource.kind != "Policy" or not str(resource.object.get("apiVersion", "")).startswith("audit."):
            continue
        rules = list(each(get(resource.object, "rules")))
        last = get(rules[-1], "level") if rules else None
        yield from must(resource, last, last not in (None, "None"), "what no rule names is not logged")
        level = _level_of_secrets(rules)
        bodies = level in ("Request", "RequestResponse")
        yield from must(resource, level, not bodies, "bodies of secrets would stand in the log")


def _level_of_secrets(rules: Sequence[Any]) -> Any:
    """The first rule that matches decides, as in the API server; one without resources matches all."""
    for rule in rules:
        kinds = {kind for group in each(get(rule, "resources")) for kind in each(get(group, "resources"))}
        if not kinds or not CLOSED.isdisjoint(kinds):
            return get(rule, "level")
        if UNKNOWN in kinds:
            return UNKNOWN
    return None
