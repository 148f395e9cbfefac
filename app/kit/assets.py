"""Static files of the pages, addressed under the hash of the whole set and cached for ever.

The hash stands in the path (`/static/<hash>/js/frames.js`), so scripts that import each other by relative address
stay within one version.
"""

import functools
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response

logger = logging.getLogger(__name__)

STATIC: Final = Path(__file__).resolve().parents[1] / "static"
VENDOR: Final = ("vendor/tabler.min.css", "vendor/htmx.min.js")
_LETTERS: Final = str.maketrans("0123456789", "ghjkmnpqrs")
_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    media_type: str


class Assets:
    """The files of `app/static`, read once. `url(name)` is what a template links to."""

    def __init__(self, root: Path = STATIC, *, required: Sequence[str] = VENDOR) -> None:
        self._files: dict[str, _File] = {}
        digest = hashlib.sha256()
        for path in _servable(root):
            name, body = path.relative_to(root).as_posix(), path.read_bytes()
            self._files[name] = _File(body, _MEDIA_TYPES[path.suffix])
            digest.update(f"{name}\0{len(body)}\0".encode() + body)
        # Letters alone: a hash with many digits in a row could look like a phone number to the edge guard.
        self.version = digest.hexdigest()[:16].translate(_LETTERS)
        self.missing = tuple(name for name in required if name not in self._files)
        if self.missing:
            logger.warning(
                "app/static lacks %s: the pages will be bare; run `make up` to install them",
                ", ".join(self.missing),
            )

    def url(self, name: str) -> str:
        """Raises KeyError for a file that neither exists nor is installed by set-up: a template is wrong."""
        if name not in self._files and name not in self.missing:
            raise KeyError(name)
        return f"/static/{self.version}/{name}"

    def response(self, version: str, name: str) -> Response:
        """The file under the present hash for ever, under an older one without caching."""
        found = self._files.get(name)
        if found is None:
            return Response(status_code=404)
        cache = "public, max-age=31536000, immutable" if version == self.version else "no-store"
        return Response(found.body, media_type=found.media_type, headers={"cache-control": cache})


def _servable(root: Path) -> list[Path]:
    return [path for path in sorted(root.rglob("*")) if path.is_file() and path.suffix in _MEDIA_TYPES]


@functools.cache
def load_assets() -> Assets:
    """The CRM's own files; read on first use, then shared."""
    return Assets()


def static_routes(assets: Assets) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/static/{version}/{name:path}")
    def static(version: str, name: str) -> Response:
        return assets.response(version, name)

    return router
