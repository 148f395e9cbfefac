"""What a node of the deep rehearsal needs of its distribution: runc, network plug-ins, packet filters. Not installed:
unpacked, with the libraries they need, and run with `surroundings()`.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.tools.tool import BIN, PLACE, DebianUnpack, Tool

INTO: Final = "node"
PACKAGES: Final = (
    "runc", "libseccomp2",
    "containernetworking-plugins",
    "iptables", "libxtables12", "libip4tc2", "libip6tc2", "libnftnl11", "libmnl0", "libnfnetlink0",
    "libnetfilter-conntrack3",
    "nftables", "libnftables1", "libjansson4", "libedit2", "libbsd0", "libmd0", "libtinfo6", "libgmp10",
    "ipset", "libipset13",
    "conntrack",
)  # fmt: skip
# Debian chooses between two programs by its alternatives, which unpacking does not set up.
NAMES: Final = tuple(f"{family}{end}" for family in ("iptables", "ip6tables") for end in ("", "-save", "-restore"))
PLUGINS: Final = PLACE / INTO / "usr/lib/cni"


@dataclass(frozen=True)
class Links:
    """Other names of a program of several, in `.tools/<into>/bin`."""

    program: str
    names: tuple[str, ...]
    into: str

    def run(self, name: str) -> None:
        del name
        folder = PLACE / self.into / "bin"
        folder.mkdir(exist_ok=True)
        for one in self.names:
            (folder / one).symlink_to(Path("..") / self.program)


def surroundings() -> dict[str, str]:
    """The environment in which the node's programs find these and their libraries."""
    place = PLACE.resolve() / INTO
    libraries = sorted({str(found.parent) for found in place.glob("**/lib*.so.*") if "/xtables" not in str(found)})
    extensions = next(iter(sorted(place.glob("usr/lib/*/xtables"))), place)
    path = [str(place / "bin"), str(place / "usr/sbin"), str(place / "usr/bin"), str(BIN.resolve()), os.environ["PATH"]]
    return {
        "PATH": ":".join(path),
        "LD_LIBRARY_PATH": ":".join(libraries),
        "XTABLES_LIBDIR": str(extensions),
        "HOME": "/root",
    }


TOOLS = (
    Tool(
        "node",
        version="12",
        leaves=(
            *(f"{INTO}/bin/{name}" for name in NAMES),
            *(f"{INTO}/usr/sbin/{name}" for name in ("runc", "nft", "ipset", "conntrack")),
            *(f"{INTO}/usr/lib/cni/{name}" for name in ("bridge", "host-local", "loopback")),
        ),
        takes="15 s",
        steps=(DebianUnpack(PACKAGES, INTO), Links("usr/sbin/xtables-nft-multi", NAMES, INTO)),
    ),
)
