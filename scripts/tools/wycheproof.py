"""Project Wycheproof's test vectors (Apache 2.0), from its Go module: not a program, and nothing of it is committed."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.local.instance import ROOT
from scripts.tools import tool as declared
from scripts.tools.tool import Tool, ToolProblem

MODULE: Final = "github.com/c2sp/wycheproof"
VERSION: Final = "v0.0.0-20260902155932-3fa63dd0344a"
SUM: Final = "h1:pNbL2nztRsWfW/ispAwsvcDFxs9Id38uIsR2/Up5G2c="
FILES: Final = tuple(f"{name}_test.json" for name in ("aes_gcm", "hmac_sha256", "hkdf_sha256", "aes_wrap", "ed25519"))


@dataclass(frozen=True)
class GoModuleFiles:
    """Files of a Go module, copied to `.tools/<into>`. Its checksum is compared before anything is copied."""

    module: str
    version: str
    checksum: str
    folder: str
    files: tuple[str, ...]
    into: str

    def run(self, name: str) -> None:
        go = shutil.which("go")
        if go is None:
            raise ToolProblem(f"{name} comes as a Go module, and there is no go here", hint="install Go 1.26 or newer")
        done = subprocess.run(
            [go, "mod", "download", "-json", f"{self.module}@{self.version}"],
            cwd=ROOT / "tools",
            env={**os.environ, "GOFLAGS": "-mod=mod"},
            capture_output=True,
            text=True,
            check=False,
        )
        answer = json.loads(done.stdout or "{}")
        if done.returncode or "Dir" not in answer:
            raise ToolProblem(
                f"{name}: {answer.get('Error') or done.stderr.strip()[-300:]}", hint="is the Go module proxy reachable?"
            )
        if answer["Sum"] != self.checksum:
            raise ToolProblem(f"{name}: the module has another checksum than the one pinned here", hint="find out why")
        target = declared.PLACE / self.into
        target.mkdir(parents=True, exist_ok=True)
        for file in self.files:
            target.joinpath(file).write_bytes((Path(answer["Dir"]) / self.folder / file).read_bytes())


TOOLS = (
    Tool(
        "wycheproof",
        version=VERSION.rpartition("-")[2],
        leaves=tuple(f"wycheproof/{file}" for file in FILES),
        takes="5 s",
        steps=(GoModuleFiles(MODULE, VERSION, SUM, "testvectors_v1", FILES, "wycheproof"),),
    ),
)
