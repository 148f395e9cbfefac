"""ETags are row versions in quotes; `If-Match` names the version that a change was decided on."""

import re
from typing import Final

from starlette.requests import Request

from app.errors import VersionMismatch, VersionRequired

_STRONG: Final = re.compile(r'"(\d{1,9})"')


def etag(version: int) -> str:
    return f'"{version}"'


def required_version(request: Request) -> int:
    """The version in If-Match.

    Raises:
        VersionRequired: the header is missing; a change must say what it changes.
        VersionMismatch: it is not an ETag of this service.
    """
    header = request.headers.get("if-match")
    if header is None:
        raise VersionRequired
    found = _STRONG.fullmatch(header.strip())
    if found is None:
        raise VersionMismatch
    return int(found[1])


def unchanged(request: Request, version: int) -> bool:
    """Whether the reader already has this version."""
    return request.headers.get("if-none-match") == etag(version)
