"""Each namespace enforces `restricted` of a named version."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from policies.rules.model import Breach, Facts, Resource, get, must

PREFIX: Final = "pod-security.kubernetes.io/"
VERSION: Final = re.compile(r"v1\.\d+")


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        if resource.kind == "Namespace":
            said = get(resource.object, "metadata", "labels")
            level = get(said, f"{PREFIX}enforce")
            yield from must(resource, level, level == "restricted", "Pod Security restricted is not enforced")
            version = get(said, f"{PREFIX}enforce-version")
            pinned = VERSION.fullmatch(str(version)) is not None
            yield from must(resource, version, pinned, "the version of Pod Security is not pinned")
