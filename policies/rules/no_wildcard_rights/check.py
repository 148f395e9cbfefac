"""No asterisk in a role, no binding to cluster-admin."""

from collections.abc import Iterator, Sequence

from policies.rules.model import Breach, Facts, Resource, each, get, must


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        if resource.kind in {"Role", "ClusterRole"}:
            for rule in each(get(resource.object, "rules")):
                for part in ("apiGroups", "resources", "verbs", "nonResourceURLs"):
                    named = get(rule, part)
                    yield from must(resource, named, "*" not in list(each(named)), f"{part} holds an asterisk")
        if resource.kind in {"RoleBinding", "ClusterRoleBinding"}:
            role = get(resource.object, "roleRef", "name")
            yield from must(resource, role, role not in {"cluster-admin", "admin"}, "it binds an all-powerful role")
