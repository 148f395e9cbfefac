"""What a killed deep rehearsal may leave: its folder and its containers' control groups. All else ends with it."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from scripts.rehearse.plane import PlaneProblem

GROUPS: Final = "k8s.io"  # where containerd puts the containers of Kubernetes, each by its id
HIERARCHIES: Final = Path("/sys/fs/cgroup")
PREFIX: Final = "larets-rehearsal-deep-"
KEPT: Final = "KEPT"
LOCK: Final = f"{PREFIX}lock"
PATIENCE: Final = 10.0


@contextmanager
def workplace(*, keep: bool) -> Iterator[Path]:
    """A folder for one rehearsal, the only one on this machine; what an earlier one left goes first.

    Raises:
        PlaneProblem: another one runs; the lock is somebody's link.
    """
    place = Path(tempfile.gettempdir())
    try:  # by root, where anybody may lay a link under this name
        descriptor = os.open(place / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise PlaneProblem(f"{place / LOCK} cannot be opened ({error.strerror})", hint="see whose it is") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PlaneProblem("another deep rehearsal runs on this machine", hint="wait until it ends") from None
        sweep(place)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        try:
            yield folder
        finally:
            remove_groups(folder)
            if keep:
                (folder / KEPT).touch()
            else:
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)


def sweep(place: Path) -> None:
    """Nobody holds the lock, so what bears the name is nobody's. Links, and a folder that was to be kept, stay."""
    for folder in place.glob(f"{PREFIX}*/"):
        if not folder.is_symlink() and not (folder / KEPT).exists():
            remove_groups(folder)
            shutil.rmtree(folder, ignore_errors=True)


def note_groups(node: Path) -> None:
    """Which containers a node had: after a power cut it makes new ones and forgets these."""
    with (node / GROUPS).open("a") as noted:
        noted.writelines(f"{name}\n" for name in _containers(node))


def remove_groups(folder: Path, hierarchies: Path = HIERARCHIES) -> None:
    """The control groups of ended containers; the kernel refuses while it still clears their processes away.

    Containers of other engines may stand beside them under the same name: only those of this folder's nodes go.
    """
    ours = {name for node in folder.glob("nodes/*/") for name in (*_containers(node), *_noted(node))}
    until = time.monotonic() + PATIENCE
    while (left := _groups(hierarchies, ours)) and time.monotonic() < until:
        for group in left:
            try:
                group.rmdir()
            except OSError:
                time.sleep(0.05)
    for top in _tops(hierarchies):
        with suppress(OSError):  # somebody else's containers are in it
            top.rmdir()


def _containers(node: Path) -> list[str]:
    return [path.name for path in node.glob("containerd/io.containerd.grpc.v1.cri/*/*")]


def _noted(node: Path) -> list[str]:
    noted = node / GROUPS
    return noted.read_text().split() if noted.exists() else []


def _tops(hierarchies: Path) -> list[Path]:
    return [*hierarchies.glob(f"*/{GROUPS}"), *hierarchies.glob(GROUPS)]


def _groups(hierarchies: Path, ours: set[str]) -> list[Path]:
    """Innermost first."""
    own = [group for top in _tops(hierarchies) for group in top.iterdir() if group.name in ours]
    found = [path for group in own for path in (group, *group.glob("**/"))]
    return sorted(set(found), key=lambda path: len(path.parts), reverse=True)
