"""No asterisk in a role, no binding to a role that comes with the cluster, none to everybody."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from policies.rules.model import Breach, Facts, Resource, each, get, must

BUILT_IN: Final = frozenset({"cluster-admin", "admin", "edit", "view"})
OF_THE_CLUSTER: Final = "system:"  # its own roles, and groups such as everybody


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        if resource.kind in {"Role", "ClusterRole"}:
            for rule in each(get(resource.object, "rules")):
                for part in ("apiGroups", "resources", "verbs", "nonResourceURLs"):
                    named = get(rule, part)
                    whole = not any("*" in str(one) for one in each(named))
                    yield from must(resource, named, whole, f"{part} holds an asterisk")
            gathered = get(resource.object, "aggregationRule")
            yield from must(resource, gathered, gathered is None, "it takes in the rules of other roles")
        if resource.kind in {"RoleBinding", "ClusterRoleBinding"}:
            role = get(resource.object, "roleRef", "name")
            good = role not in BUILT_IN and not _of_the_cluster(role)
            yield from must(resource, role, good, "it binds a role that comes with the cluster")
            for subject in each(get(resource.object, "subjects")):
                name = get(subject, "name")
                yield from must(resource, name, not _of_the_cluster(name), "it binds a group of the cluster's own")


def _of_the_cluster(name: Any) -> bool:
    return str(name).startswith(OF_THE_CLUSTER)
