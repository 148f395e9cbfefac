"""Every registered object has a provider of its own choice, never the default one."""

from collections.abc import Iterator, Sequence

from policies.rules.model import Breach, Facts, Outcome, Resource


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    if not facts.from_engine:
        return
    for resource in resources:
        if resource.provider is not None and (not resource.provider or "::default" in resource.provider):
            yield Breach(str(resource), Outcome.FAIL, "it would go to whatever cluster the surroundings name")
