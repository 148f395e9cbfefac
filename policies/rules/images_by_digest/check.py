"""A tag moves; a digest is the image."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from policies.rules.model import Breach, Facts, Resource, containers, get, must

DIGEST: Final = re.compile(r"@sha256:[0-9a-f]{64}$")


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    del facts
    for resource in resources:
        for name, container, _ in containers(resource):
            image = get(container, "image")
            reason = f"container {name}: the image is not named by digest"
            yield from must(resource, image, DIGEST.search(str(image)) is not None, reason)
