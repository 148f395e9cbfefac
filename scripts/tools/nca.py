"""network-config-analyzer: who can reach whom, from the manifests alone. Its old packages stand apart from ours."""

import shutil
import sys
from dataclasses import dataclass
from typing import Final

from scripts.local.instance import ROOT
from scripts.tools.tool import PLACE, Tool, run_slowly

VERSION: Final = "2.1.0"


@dataclass(frozen=True)
class Venv:
    """A Python environment of its own in `.tools/<into>`, with the packages of a lock file."""

    lock: str
    into: str

    def run(self, name: str) -> None:
        target = PLACE / self.into
        shutil.rmtree(target, ignore_errors=True)
        hint = "is the package index reachable? pip's own settings are used"
        run_slowly([sys.executable, "-m", "venv", str(target)], cwd=ROOT, env={}, name=name, unit="lines", hint=hint)
        install = [str(target / "bin" / "python"), "-m", "pip", "install", "--require-hashes", "-r", self.lock]
        run_slowly(install, cwd=ROOT, env={}, name=name, unit="lines", hint=hint)


TOOLS = (
    Tool(
        "nca",
        version=VERSION,
        sources=("tools/nca/requirements.txt",),
        leaves=("nca/bin/nca",),
        takes="1 min",
        steps=(Venv("tools/nca/requirements.txt", "nca"),),
    ),
)
