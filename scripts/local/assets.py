"""Copy the front-end files of the npm packages into each contour's `static/vendor`, which git ignores."""

import shutil
from pathlib import Path
from typing import Final

MODULES: Final = Path("node_modules")
FILES: Final[dict[str, str]] = {
    "@tabler/core/dist/css/tabler.min.css": "tabler.min.css",
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
}
TARGETS: Final[dict[str, tuple[str, ...]]] = {
    "app/static/vendor": ("tabler.min.css", "htmx.min.js"),
    "pii_vault/static/vendor": ("tabler.min.css",),
}


def copy_assets(root: Path) -> None:
    """Copy what has changed.

    Raises:
        FileNotFoundError: a package is not installed (`npm ci` first).
    """
    for target, names in TARGETS.items():
        folder = root / target
        folder.mkdir(parents=True, exist_ok=True)
        for source, name in FILES.items():
            origin, copy = root / MODULES / source, folder / name
            if name in names and (not copy.exists() or copy.stat().st_mtime < origin.stat().st_mtime):
                shutil.copyfile(origin, copy)
