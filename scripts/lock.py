"""Pin the Python packages with hashes and without index addresses: `make lock`."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KINDS = {"run": ("app", "vault", "local"), "dev": ("app", "vault", "s3", "deploy", "local", "dev")}


def main() -> None:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}")
    if uv is None:
        sys.exit(
            "larets: error: uv is not installed\nlarets: hint: .venv/bin/pip install uv, then run `make lock` again"
        )
    for kind, extras in KINDS.items():
        command = [uv, "pip", "compile", "pyproject.toml", "--universal", "--python-version", "3.11"]
        command += ["--generate-hashes", "--quiet", "--no-header"]  # addresses are left out unless asked for
        command += [part for extra in extras for part in ("--extra", extra)]
        subprocess.run([*command, "-o", f"requirements/{kind}.txt"], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
