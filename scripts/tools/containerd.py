"""containerd, which runs the pods of the deep rehearsal, its shim and `ctr`; and the program of each pod's sandbox."""

from typing import Final

from scripts.tools.tool import GoBuild, Tool

VERSION: Final = "2.2.3"
_MODULE: Final = "github.com/containerd/containerd/v2"
# Filesystems that need C libraries, and that nobody has here.
TAGS: Final = ("no_btrfs", "no_zfs", "no_devmapper")
PROGRAMS: Final = ("containerd", "ctr", "containerd-shim-runc-v2")

TOOLS = (
    Tool(
        "containerd",
        version=VERSION,
        sources=("tools/containerd/go.mod", "tools/containerd/go.sum", "tools/pause/go.mod", "tools/pause/main.go"),
        leaves=(*(f"bin/{name}" for name in PROGRAMS), "bin/pause"),
        takes="1 min",
        steps=(
            *(
                GoBuild(
                    "tools/containerd",
                    f"{_MODULE}/cmd/{name}",
                    name,
                    ldflags=("-X", f"{_MODULE}/version.Version=v{VERSION}"),
                    tags=TAGS,
                )
                for name in PROGRAMS
            ),
            GoBuild("tools/pause", ".", "pause"),
        ),
    ),
)
