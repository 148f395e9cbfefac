"""Every object has the name its manifest says."""

from collections.abc import Iterator, Sequence
from typing import Final

from policies.rules.model import Breach, Facts, Resource, get, must

FILES: Final = frozenset({"EncryptionConfiguration", "Policy"})  # of the API server: files, not objects


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        if "apiVersion" in resource.object and resource.kind not in FILES:
            name = get(resource.object, "metadata", "name")
            yield from must(resource, name, bool(name), "metadata.name is not set")
            begun = get(resource.object, "metadata", "generateName")
            yield from must(resource, begun, begun is None, "generateName makes a name up")
