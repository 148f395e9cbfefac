"""Only registries that the settings list."""

from collections.abc import Iterator, Sequence

from policies.rules.model import Breach, Facts, Resource, containers, get, must


def check(resources: Sequence[Resource], facts: Facts) -> Iterator[Breach]:
    allowed = tuple(f"{prefix.rstrip('/')}/" for prefix in facts.registries)
    for resource in resources:
        for name, container, _ in containers(resource):
            image = get(container, "image")
            reason = f"container {name}: its registry is none of images.registries"
            yield from must(resource, image, str(image).startswith(allowed), reason)
