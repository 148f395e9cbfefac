"""KWOK, which plays the nodes of the shallow rehearsal. Its stages (what a node or pod does after what) are not built
into the program: they are copied from its module.
"""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.local.instance import ROOT
from scripts.tools.tool import PLACE, GoBuild, Tool, ToolProblem

VERSION: Final = "0.8.0"
STAGES: Final = ("node/fast", "node/heartbeat-with-lease", "pod/fast", "volume/fast")


@dataclass(frozen=True)
class Stages:
    """The stage files of the module, joined in `.tools/<into>`."""

    module: str
    names: tuple[str, ...]
    into: str

    def run(self, name: str) -> None:
        asked = ["go", "list", "-m", "-f", "{{.Dir}}", self.module]
        found = subprocess.run(asked, cwd=ROOT / "tools" / "kwok", capture_output=True, text=True, check=False)
        folder = Path(found.stdout.strip()) / "kustomize" / "stage"
        if found.returncode or not folder.is_dir():
            raise ToolProblem(
                f"{name}: the module's folder with the stages is not there", hint="run `make tools` again"
            )
        target = PLACE / self.into
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for stage in self.names:
            for source in sorted((folder / stage).glob("*.yaml")):
                if source.name != "kustomization.yaml":
                    (target / f"{stage.replace('/', '-')}-{source.name}").write_bytes(source.read_bytes())


TOOLS = (
    Tool(
        "kwok",
        version=VERSION,
        sources=("tools/kwok/go.mod", "tools/kwok/go.sum"),
        leaves=("bin/kwok", "kwok/pod-fast-pod-ready.yaml"),
        takes="2 min",
        steps=(
            GoBuild("tools/kwok", "sigs.k8s.io/kwok/cmd/kwok", "kwok"),
            Stages("sigs.k8s.io/kwok", STAGES, "kwok"),
        ),
    ),
)
