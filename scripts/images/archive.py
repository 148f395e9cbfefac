"""What an OCI archive holds: its manifest's digest, and single files out of its layers, without an engine."""

import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final, cast

from scripts.images.errors import ImageProblem

_INDEX: Final = "index.json"
_HIDDEN: Final = ".wh."
_HIDDEN_ALL: Final = ".wh..wh..opq"


def digest(archive: Path) -> str:
    """The digest under which a registry or a node knows the image.

    Raises:
        ImageProblem: the file is no OCI archive of one image.
    """
    with _opened(archive) as outer:
        return str(_manifest_entry(outer)["digest"])


def files(archive: Path, wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """The files of the image whose path (without a leading slash) is wanted, as a container would see them."""
    found: dict[str, bytes] = {}
    with _opened(archive) as outer:
        manifest = _json(outer, _blob(_manifest_entry(outer)["digest"]))
        for layer in manifest["layers"]:
            with tarfile.open(fileobj=_read(outer, _blob(layer["digest"])), mode="r:*") as inner:
                _lay_over(found, inner, wanted)
    return found


def unpack(archive: Path, folder: Path) -> dict[str, Any]:
    """The image's whole tree with its owners and modes, as root; returns the image's configuration.

    Ours have one layer that hides nothing; another is refused.

    Raises:
        ImageProblem: the archive is no image of ours.
    """
    with _opened(archive) as outer:
        manifest = _json(outer, _blob(_manifest_entry(outer)["digest"]))
        for layer in manifest["layers"]:
            with tarfile.open(fileobj=_read(outer, _blob(layer["digest"])), mode="r|*") as inner:
                for member in inner:
                    if PurePosixPath(member.name).name.startswith(_HIDDEN):
                        raise ImageProblem(f"{archive.name} hides what it holds", hint="build it again")
                    inner.extract(member, folder, filter="fully_trusted")  # built here, a moment ago
        return _json(outer, _blob(manifest["config"]["digest"]))


def size(archive: Path) -> int:
    return archive.stat().st_size


def _lay_over(found: dict[str, bytes], layer: tarfile.TarFile, wanted: Callable[[str], bool]) -> None:
    for member in _members(layer):
        path = PurePosixPath(member.name.removeprefix("./").lstrip("/"))
        if path.name == _HIDDEN_ALL:
            _forget(found, str(path.parent), itself=False)
        elif path.name.startswith(_HIDDEN):
            _forget(found, str(path.parent / path.name.removeprefix(_HIDDEN)), itself=True)
        elif member.isfile() and wanted(str(path)):
            content = layer.extractfile(member)
            found[str(path)] = content.read() if content else b""


def _forget(found: dict[str, bytes], path: str, *, itself: bool) -> None:
    inside = "" if path == "." else f"{path}/"
    for name in [name for name in found if name.startswith(inside) or (itself and name == path)]:
        del found[name]


def _members(layer: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    yield from layer


def _opened(archive: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(archive, mode="r:")
    except (OSError, tarfile.TarError) as error:
        raise ImageProblem(
            f"{archive.name} cannot be read as an image: {error}", hint="delete it and build again"
        ) from error


def _manifest_entry(outer: tarfile.TarFile) -> dict[str, Any]:
    entries = _json(outer, _INDEX).get("manifests", [])
    if len(entries) != 1:
        raise ImageProblem(
            f"the archive holds {len(entries)} images instead of one",
            hint="docker: version 25 or newer writes this layout; podman and buildah do as well",
        )
    return cast("dict[str, Any]", entries[0])


def _json(outer: tarfile.TarFile, name: str) -> dict[str, Any]:
    return cast("dict[str, Any]", json.load(_read(outer, name)))


def _read(outer: tarfile.TarFile, name: str) -> IO[bytes]:
    try:
        content = outer.extractfile(name)
    except KeyError:
        content = None
    if content is None:
        raise ImageProblem(f"the archive lacks {name}", hint="docker: version 25 or newer writes this layout")
    return content


def _blob(digested: str) -> str:
    return "blobs/" + digested.replace(":", "/", 1)
