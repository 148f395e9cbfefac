"""Nobody gets a shell, secrets, or rights that lead to more rights; nobody changes anything but by deleting pods."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from policies.rules.model import Breach, Facts, Resource, Unknown, each, get, must

READING: Final = frozenset({"get", "list", "watch"})
CLOSED: Final = frozenset(
    {
        "secrets",
        "pods/exec",
        "pods/attach",
        "pods/portforward",
        "pods/proxy",
        "pods/ephemeralcontainers",
        "services/proxy",
        "serviceaccounts/token",
        "nodes/proxy",
    }
)


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        if resource.kind not in {"Role", "ClusterRole"}:
            continue
        for rule in each(get(resource.object, "rules")):
            verbs, kinds = get(rule, "verbs"), get(rule, "resources")
            reached = sorted(one for one in CLOSED if any(fnmatchcase(one, kind) for kind in _known(kinds)))
            yield from must(resource, kinds, not reached, f"it reaches {', '.join(reached)}")
            changing = set(_known(verbs)) - READING
            # A pod that is deleted is started anew; whoever writes one, or what makes one, runs a program beside its
            # secrets, and whoever writes a binding or a policy takes what it keeps from them.
            restarts = changing <= {"delete"} and set(_known(kinds)) <= {"pods"}
            good = not changing or restarts
            reason = f"it may {', '.join(sorted(changing))} {', '.join(sorted(_known(kinds)))}"
            yield from must(resource, [verbs, kinds] if changing else verbs, good, reason)


def _known(value: Any) -> list[str]:
    return [str(one) for one in each(value) if not isinstance(one, Unknown)]
