"""A file system of its own that is filled up and emptied again at will: what fails there fails with a real ENOSPC."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MEGABYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Disk:
    place: Path

    def fill(self) -> None:
        """To the last block."""
        with self._ballast.open("ab", buffering=0) as ballast:
            for size in (MEGABYTE, 4096):
                block = bytes(size)
                try:
                    while ballast.write(block) == size:
                        pass
                except OSError:
                    continue

    def empty(self) -> None:
        self._ballast.unlink(missing_ok=True)

    @property
    def _ballast(self) -> Path:
        return self.place / "ballast"


@contextmanager
def small_disk(megabytes: int) -> Iterator[Disk]:
    """Root mounts one of memory; others need the right to (these tests are not skipped).

    Raises:
        PermissionError: this user may not mount.
    """
    if os.geteuid() != 0:
        raise PermissionError("a disk that fills up is mounted by root: sudo make faults")
    place = Path(tempfile.mkdtemp(prefix="larets-disk-"))
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(place)]
    subprocess.run(command, check=True)  # noqa: S603
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)  # noqa: S603, S607
        place.rmdir()
