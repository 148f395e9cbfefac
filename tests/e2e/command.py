"""The `larets` command on an instance of the tests."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def larets(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(  # noqa: S603  the project's own command
        [sys.executable, "-m", "scripts.main", *words],
        env=environment | {"LARETS_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


def told(home: Path, *words: str) -> Any:
    """What a command for programs printed; it held."""
    done = larets(home, *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
