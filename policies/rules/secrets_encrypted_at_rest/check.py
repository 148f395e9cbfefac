"""The API server's first provider for secrets encrypts."""

from collections.abc import Iterator, Sequence

from policies.rules.model import Breach, Facts, Resource, each, get, must


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        if resource.kind != "EncryptionConfiguration":
            continue
        kept = [
            entry
            for entry in each(get(resource.object, "resources"))
            if "secrets" in list(each(get(entry, "resources")))
        ]
        first = get(kept[0], "providers", 0) if kept else None
        good = isinstance(first, dict) and bool(first) and "identity" not in first
        yield from must(resource, first, good, "secrets are written in clear")
