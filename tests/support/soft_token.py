"""A PKCS#11 token in software: SoftHSM2, unpacked by `make tools`."""

import os
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

from scripts.local.instance import ROOT

HOME = ROOT / ".tools" / "softhsm2"
MODULE = HOME / "usr/lib/softhsm/libsofthsm2.so"
UTIL = HOME / "usr/bin/softhsm2-util"
CONFIG = "directories.tokendir = {folder}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n"


@dataclass(frozen=True, slots=True)
class SoftToken:
    label: str
    pin: str
    module: Path = MODULE


def soft_token(folder: Path) -> SoftToken:
    """A new token. The library reads its settings once per process, so all tokens of a run lie in one folder.

    Raises FileNotFoundError when `make tools` has not been run.
    """
    if not MODULE.exists():
        raise FileNotFoundError("there is no SoftHSM2 here yet; run: make tools")
    folder.mkdir(exist_ok=True)
    config = folder.with_suffix(".conf")
    config.write_text(CONFIG.format(folder=folder))
    os.environ["SOFTHSM2_CONF"] = str(config)
    token = SoftToken(f"tests-{secrets.token_hex(4)}", secrets.token_hex(6))
    command = [str(UTIL), "--init-token", "--free", "--module", str(MODULE), "--label", token.label, "--pin", token.pin]
    subprocess.run([*command, "--so-pin", secrets.token_hex(6)], check=True, capture_output=True)  # noqa: S603  ours
    return token
