"""Terraform providers of Russian clouds, parameterised locally.

The public registries dropped or block them, and Pulumi's bridge ignores mirrors. What works: the vendor's binary from
the vendor's own mirror, its checksum pinned here, an SDK generated from it and kept as a private wheel.
"""

import hashlib
import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from infra.errors import VendorMissing


@dataclass(frozen=True, slots=True)
class Vendor:
    """A provider: its binary, where it is to be had, and the Python package Pulumi generates from it."""

    name: str
    binary: str
    mirror: str
    package: str

    def steps(self, folder: Path) -> str:
        """What a person does, word for word."""
        path = folder / self.binary
        return (
            f"1. download {self.binary} (linux_amd64) from {self.mirror} and unpack it to {path}\n"
            f"2. sha256sum {path}, compare it with what the vendor publishes, and put it into\n"
            f"   {path}.sha256\n"
            f"3. chmod +x {path} && pulumi package add terraform-provider {path}\n"
            f"4. build a wheel of the generated folder sdks/{self.name}, keep it in your own index, install it here\n"
            "5. run the same command again"
        )

    def sdk(self, folder: Path) -> ModuleType:
        """The generated package, once the binary is the one whose checksum was pinned.

        Raises:
            VendorMissing: with the exact steps.
        """
        self.verify(folder)
        try:
            return importlib.import_module(self.package)
        except ModuleNotFoundError:
            raise VendorMissing(f"the SDK {self.package} is not installed", hint=self.steps(folder)) from None

    def verify(self, folder: Path) -> None:
        """Raises VendorMissing: there is no binary, no pinned checksum, or they do not belong together."""
        path, pinned = folder / self.binary, folder / f"{self.binary}.sha256"
        if not path.exists() or not pinned.exists():
            absent = path if not path.exists() else pinned
            raise VendorMissing(f"{absent.name} is not in {folder}", hint=self.steps(folder))
        expected = pinned.read_text("utf-8").split()[0] if pinned.read_text("utf-8").strip() else ""
        if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            raise VendorMissing(
                f"{self.binary} is not the file whose checksum was pinned; nothing of it was run",
                hint=self.steps(folder),
            )
