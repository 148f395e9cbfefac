"""Puts the stand-in where a contour's engine looks for its Kubernetes provider."""

import sys
from pathlib import Path

from scripts.env.place import Contour
from scripts.env.plugins import EXECUTABLE, SIGN, Kind, folder_name, genuine, prepare
from scripts.local.instance import ROOT


def install(contour: Contour) -> Kind:
    """The genuine plugin where this machine has it, else the stand-in, signed as one."""
    if genuine() is not None:
        return prepare(contour)
    folder = contour.engine_home / "plugins" / folder_name()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SIGN).write_text("stands in for the genuine provider plugin: for rehearsals only\n")
    program = folder / EXECUTABLE
    program.write_text(f"#!/bin/sh\ncd '{ROOT}' && exec '{Path(sys.executable)}' -m tests.rehearsal.provider\n")
    program.chmod(0o755)
    return "stand-in"
