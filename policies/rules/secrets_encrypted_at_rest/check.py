"""The API server's first provider for secrets encrypts."""

from collections.abc import Iterator, Sequence
from typing import Any

from policies.rules.model import UNKNOWN, Breach, Facts, Resource, any_of, each, get, must, same


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        if resource.kind != "EncryptionConfiguration":
            continue
        first = _first_for_secrets(resource)
        good = isinstance(first, dict) and bool(first) and "identity" not in first
        yield from must(resource, first, good, "secrets are written in clear")


def _first_for_secrets(resource: Resource) -> Any:
    for entry in each(get(resource.object, "resources")):
        meant = any_of(same(kind, "secrets") for kind in each(get(entry, "resources")))
        if meant is not False:
            return get(entry, "providers", 0) if meant is True else UNKNOWN
    return None
