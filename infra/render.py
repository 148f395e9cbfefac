"""Manifests of a stack without a cluster: for GitOps, for validators and for readers. No secret stands in them."""

import hashlib
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from infra.errors import RenderedForAnother
from infra.lib.names import Stack, stacks_of
from infra.lib.settings import StackSettings
from infra.programs import build
from infra.registered import Registered, run
from infra.values import GivenValues

REQUIRED: Final = "larets/required-keys"
LIST: Final = ".larets-rendered"
_LINE: Final = re.compile(r"(?P<digest>[0-9a-f]{64})  (?P<name>[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9.:-]*\.yaml)")


def registrations(stack: Stack, settings: StackSettings, values: GivenValues | None = None) -> list[Registered]:
    """All resources of a stack, the ones that are no Kubernetes objects too."""
    return run(lambda: build(stack, settings, values or GivenValues()), stack=f"{settings.environment}-{stack}")


def render(stack: Stack, settings: StackSettings) -> list[dict[str, Any]]:
    """The stack's Kubernetes objects. A Secret is a placeholder that names the keys it must hold, and holds none."""
    return manifests_of(registrations(stack, settings))


def manifests_of(registered: Iterable[Registered]) -> list[dict[str, Any]]:
    return [_without_secret(one.manifest) for one in registered if one.manifest is not None]


def _without_secret(manifest: dict[str, Any]) -> dict[str, Any]:
    if manifest["kind"] != "Secret":
        return manifest
    keys = sorted([*manifest.get("data", {}), *manifest.get("stringData", {})])
    bare = {key: value for key, value in manifest.items() if key not in {"data", "stringData"}}
    annotations = bare["metadata"].get("annotations", {}) | {REQUIRED: ",".join(keys)}
    return bare | {"metadata": bare["metadata"] | {"annotations": annotations}}


def all_registrations(settings: StackSettings) -> list[Registered]:
    """Everything of a contour, in the order of deployment."""
    return [one for stack in stacks_of(settings.contour) for one in registrations(stack, settings)]


def render_all(settings: StackSettings) -> list[dict[str, Any]]:
    """The objects of a contour, in the order of deployment."""
    return manifests_of(all_registrations(settings))


@dataclass(frozen=True, slots=True)
class Written:
    """`removed`: an earlier rendering's, of no object any more. `left`: manifests that somebody else put there."""

    files: tuple[Path, ...]
    removed: tuple[Path, ...]
    left: tuple[Path, ...]


def write(manifests: Iterable[dict[str, Any]], folder: Path, *, of: str) -> Written:
    """One file per object: `folder/<namespace or cluster>/<kind>-<name>.yaml`. `of`: whose they are.

    What an earlier rendering wrote there and this one does not is removed, if nobody has changed it since: the folder's
    own list (of the form that `sha256sum -c` reads) says so. Nothing else is touched.

    Raises:
        RenderedForAnother: the folder holds another contour's.
    """
    texts = {_place(one): yaml.safe_dump(one, sort_keys=False, allow_unicode=True).encode() for one in manifests}
    before = _listed(folder / LIST, of)
    now = {name: hashlib.sha256(text).hexdigest() for name, text in texts.items()}
    stale = [name for name, digest in before.items() if name not in now and _digest(folder / name) == digest]
    _list(folder / LIST, of, {name: before[name] for name in stale} | now)  # first: what is written is always listed
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text)
    for name in stale:
        (folder / name).unlink()
        with suppress(OSError):  # another file stands there
            (folder / name).parent.rmdir()
    _list(folder / LIST, of, now)
    files = tuple(folder / name for name in texts)
    return Written(files, tuple(folder / name for name in stale), tuple(sorted({*folder.glob("*/*.yaml")} - {*files})))


def _place(manifest: dict[str, Any]) -> str:
    metadata = manifest["metadata"]
    return f"{metadata.get('namespace', 'cluster')}/{manifest['kind'].lower()}-{metadata['name']}.yaml"


def _listed(path: Path, of: str) -> dict[str, str]:
    """File → digest. A line that is none of ours is passed over: nothing outside the folder can be named."""
    if not path.exists():
        return {}
    first, *lines = path.read_text("utf-8").splitlines() or [""]
    if first != f"# {of}":
        raise RenderedForAnother
    return {match["name"]: match["digest"] for match in map(_LINE.fullmatch, lines) if match}


def _list(path: Path, of: str, digests: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([f"# {of}", *(f"{one}  {name}" for name, one in sorted(digests.items())), ""]), "utf-8")


def _digest(path: Path) -> str:
    regular = path.is_file() and not path.is_symlink() and not path.parent.is_symlink()
    return hashlib.sha256(path.read_bytes()).hexdigest() if regular else ""
