"""Images by digest from named registries. A tag may move after the review; a digest cannot."""

import re
from collections.abc import Iterable
from typing import Final

_IMAGE: Final = re.compile(
    r"(?P<registry>[a-z0-9.-]+(?::\d{1,5})?)/(?P<path>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)@sha256:(?P<digest>[0-9a-f]{64})"
)
SHAPE: Final = "registry/name@sha256:<64 hexadecimal digits>"


def problem_of(image: str, registries: Iterable[str]) -> str | None:
    """Why this image may not be deployed, or None."""
    found = _IMAGE.fullmatch(image)
    if found is None:
        named = "a tag where a digest belongs" if "@sha256:" not in image else "not an image reference"
        return f"{named}; allowed: {SHAPE}"
    allowed = list(registries)
    if not any(image.startswith(f"{prefix.rstrip('/')}/") for prefix in allowed):
        return f"its registry is not listed; allowed: {', '.join(allowed) or 'none (images.registries is empty)'}"
    return None


def digest_of(image: str) -> str:
    return image.rpartition("@sha256:")[2]
