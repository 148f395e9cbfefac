"""What a tool declares, and the two ways to get one: build it from Go modules, or unpack a Debian package.

A module of this package that has `TOOLS` adds tools; nothing else needs to know of it:

    TOOLS = (Tool("vault", version="1.21.0", sources=("tools/vault/go.mod", "tools/vault/go.sum"),
                  leaves=("bin/vault",), takes="6 min", steps=(GoBuild("tools/vault", "github.com/…", "vault"),)),)

Each step writes below `.tools` only. Sources are files of this repository: their bytes, the version and the steps
make the digest by which a finished tool is recognised.
"""

import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from scripts.local.instance import ROOT
from scripts.voice import say

PLACE: Final = ROOT / ".tools"
BIN: Final = PLACE / "bin"
LINE_SECONDS: Final = 10.0
NICE: Final = ("nice", "-n", "19")  # these builds fill every core for minutes


class ToolProblem(Exception):
    """The tool cannot be had; the message says what failed and the hint what to do."""

    def __init__(self, problem: str, *, hint: str) -> None:
        super().__init__(problem)
        self.hint = hint


class Step(Protocol):
    """One part of the making. Its repr enters the digest: it must say all that the result depends on."""

    def run(self, name: str) -> None:
        """Raises ToolProblem."""


@dataclass(frozen=True)
class Tool:
    """`leaves` are the files, relative to `.tools`, without which the tool counts as absent."""

    name: str
    version: str
    leaves: tuple[str, ...]
    steps: tuple[Step, ...]
    sources: tuple[str, ...] = ()
    takes: str = "a minute"  # the first time, with two cores and an empty cache
    needs: tuple[str, ...] = field(default=())  # other tools, made before


@dataclass(frozen=True)
class GoBuild:
    """`go build` of a package in the module at `folder`, into `.tools/bin/<output>`.

    `ldflags` come beside -s -w. Go's own cache takes an interrupted build up where it ended. Modules are
    fetched as the machine's Go is configured; go.sum decides whether they are the right ones.
    """

    folder: str
    package: str
    output: str
    ldflags: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = (("CGO_ENABLED", "0"),)

    def run(self, name: str) -> None:
        go = shutil.which("go")
        if go is None:
            raise ToolProblem(f"{name} is built by Go, and there is no go here", hint="install Go 1.26 or newer")
        BIN.mkdir(parents=True, exist_ok=True)
        fresh = BIN / f".{self.output}.new"
        flags = ["-trimpath", "-v", "-ldflags", " ".join(("-s", "-w", *self.ldflags))]
        if self.tags:
            flags += ["-tags", ",".join(self.tags)]
        run_slowly(
            [go, "build", *flags, "-o", str(fresh), self.package],
            cwd=ROOT / self.folder,
            env=dict(self.env),
            name=name,
            unit="packages compiled",
            hint="is the Go module proxy reachable? Go's own settings are used; what is built so far is kept",
        )
        fresh.replace(BIN / self.output)


@dataclass(frozen=True)
class DebianUnpack:
    """Packages of this machine's distribution, unpacked into `.tools/<into>` without being installed."""

    packages: tuple[str, ...]
    into: str

    def run(self, name: str) -> None:
        if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            wanted = ", ".join(self.packages)
            raise ToolProblem(
                f"{name} comes from Debian packages, and there is no apt here",
                hint=f"on another system install {wanted} and point the tests to it (docs/guide-keys.md)",
            )
        target = PLACE / self.into
        with tempfile.TemporaryDirectory(prefix="larets-deb-") as folder:
            run_slowly(
                ["apt-get", "download", "-q", *self.packages],
                cwd=Path(folder),
                env={},
                name=name,
                unit="lines",
                hint="run `apt-get update` and the same command again",
            )
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            for package in sorted(Path(folder).glob("*.deb")):
                subprocess.run(["dpkg-deb", "-x", package, target], check=True)


def run_slowly(command: Sequence[str], *, cwd: Path, env: Mapping[str, str], name: str, unit: str, hint: str) -> None:
    """Runs a long command at low priority with a line of progress now and then.

    Raises:
        ToolProblem: with the last lines of what the command said.
    """
    nice = NICE if shutil.which("nice") else ()
    lines: list[str] = []
    done = threading.Event()
    ticker = threading.Thread(target=_tick, args=(name, lines, unit, done), daemon=True)
    with subprocess.Popen(
        [*nice, *command],
        cwd=cwd,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        ticker.start()
        try:
            for line in process.stdout or ():
                lines.append(line.rstrip())  # noqa: PERF401  the ticker counts them as they come
            code = process.wait()
        finally:
            done.set()
            if process.poll() is None:
                process.terminate()
            ticker.join()
    if code:
        tail = "\n    ".join(_telling(lines)[-12:])
        raise ToolProblem(f"{name}: {Path(command[0]).name} ended with {code}\n    {tail}", hint=hint)


def _tick(name: str, lines: list[str], unit: str, done: threading.Event) -> None:
    started = time.monotonic()
    while not done.wait(LINE_SECONDS):
        say(f"  {name}: {len(lines):,} {unit}, {time.monotonic() - started:.0f} s")


def _telling(lines: list[str]) -> list[str]:
    """Without the names of compiled packages, which -v prints and which say nothing about a failure."""
    told = [line for line in lines if not re.fullmatch(r"[\w./~-]+", line)]
    return told or lines
