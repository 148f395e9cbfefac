"""What a machine must have and allow, asked before anything is started."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scripts.rehearse.deep import wire
from scripts.rehearse.deep.sweep import HIERARCHIES

PROGRAMS: Final = {"ip": "iproute2", "unshare": "util-linux", "nsenter": "util-linux", "setpriv": "util-linux"}
PROBE: Final = "larets-rehearsal-probe"
CONTROLLERS: Final = ("memory", "pids", "cpu")


def lacking() -> Iterator[tuple[str, str]]:
    """What is not there, and what to do about it. Nothing: the rehearsal can begin."""
    if sys.platform != "linux":
        yield "this is no Linux", "run it on one; `make rehearse` runs anywhere"
        return
    if os.geteuid() != 0:
        yield "it needs root: it makes network namespaces and starts containers", "sudo make rehearse-deep"
        return
    for program, package in PROGRAMS.items():
        if shutil.which(program) is None:
            yield f"{program} is not there", f"apt-get install {package}"
    if "\toverlay\n" not in Path("/proc/filesystems").read_text():
        yield "the kernel has no overlay file system", "modprobe overlay"
    if not wire.bridge_filters_there():
        yield "the kernel does not show bridged packets to packet filters", "modprobe br_netfilter"
    if not _groups_may_be_made():
        yield "control groups may not be made here", "run it on a machine of its own, or in a privileged container"


def _groups_may_be_made() -> bool:
    """Version 1 has a hierarchy a controller; version 2 is one, and its root names them."""
    unified = HIERARCHIES / "cgroup.controllers"
    tops = [HIERARCHIES] if unified.exists() else [HIERARCHIES / name for name in CONTROLLERS]
    if unified.exists() and not set(CONTROLLERS) <= set(unified.read_text().split()):
        return False
    for top in tops:
        try:
            (top / PROBE).mkdir(exist_ok=True)
            (top / PROBE).rmdir()
        except OSError:
            return False
    return True
