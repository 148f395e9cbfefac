"""Files as the kubelet mounts a Secret: links through `..data`, whose exchange changes all of them at once."""

import os
from collections.abc import Mapping
from pathlib import Path


class Mounted:
    """A folder whose files are mounted; `exchange` is what the kubelet does when the Secret changes."""

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        self.folder = folder
        self._turn = 0
        folder.mkdir(exist_ok=True)
        self.exchange(files)
        for name in files:
            link = folder / f".{name}.new"
            link.symlink_to(Path("..data") / name)
            link.replace(folder / name)

    def exchange(self, files: Mapping[str, str]) -> None:
        self._turn += 1
        stored = self.folder / f"..{self._turn}"
        stored.mkdir()
        for name, text in files.items():
            (stored / name).write_text(text)
        link = self.folder / "..data_tmp"
        link.symlink_to(stored.name)
        os.replace(link, self.folder / "..data")  # noqa: PTH105  the kubelet's own step
