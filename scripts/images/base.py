"""The base under every image: a Debian that is named, that the engine can fetch, or that debootstrap makes here."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from scripts.images.engine import Engine
from scripts.images.errors import ImageProblem
from scripts.tools.tool import PLACE, ToolProblem, run_slowly
from scripts.voice import say

SUITE: Final = "bookworm"
PUBLIC: Final = "debian:bookworm-slim"  # a short name: the engine's own settings say which registry is meant
MADE: Final = "localhost/larets-base:bookworm"
DEBOOTSTRAP: Final = "debootstrap"
MACHINE: Final = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
_PULL_SECONDS: Final = 60.0
_FOLDER: Final = PLACE / "images" / "base"


def base_of(engine: Engine, named: str, *, mirror: str = "", sources: str = "") -> str:
    """The reference to build upon: `named`, else the public one if a registry answers, else one made by debootstrap.

    Raises:
        ImageProblem: none of them can be had.
    """
    if named and named != DEBOOTSTRAP:
        return named
    if not named and _pulled(engine):
        return PUBLIC
    return _made(engine, mirror, sources)


def _pulled(engine: Engine) -> bool:
    try:
        done = subprocess.run(
            engine.pull(PUBLIC),
            env={**os.environ, **engine.env},
            capture_output=True,
            check=False,
            timeout=_PULL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _made(engine: Engine, mirror: str, sources: str) -> str:
    """`sources` is a sources.list for the base, where the mirror's one line is not enough (security updates)."""
    chosen = sources_of(sources)
    listed = chosen.read_bytes() if chosen else b""
    key = hashlib.sha256(f"{SUITE}\0{mirror}\0".encode() + listed).hexdigest()
    stamp, tree = _FOLDER / "key", _FOLDER / "base.tar"
    if not tree.exists() or not stamp.exists() or stamp.read_text("utf-8") != key:
        _bootstrap(tree, mirror, chosen)
        stamp.write_text(key, "utf-8")
    file = _FOLDER / "Containerfile"
    file.write_text("FROM scratch\nADD base.tar /\n", "utf-8")
    _run(engine.build(MADE, _FOLDER, file=file, arguments={}, secrets={}, epoch=0), engine)
    return MADE


def sources_of(named: str, *, machine: Sequence[Path] = MACHINE) -> Path | None:
    """The list that is named, else this machine's own if it is of the same release and has its security updates.

    The base has no authorities yet, so a list that needs TLS is of no use to it.

    Raises:
        ImageProblem: the named file is not there.
    """
    if named:
        if not Path(named).is_file():
            raise ImageProblem(f"there is no file {named}", hint="SOURCES=<a sources.list or .sources file>")
        return Path(named)
    for path in machine:
        text = path.read_text("utf-8") if path.is_file() else ""
        if f"{SUITE}-security" in text and "https:" not in text:
            return path
    say("  base: no security updates are named; SOURCES=<a sources.list> names them")
    return None


def _bootstrap(archive: Path, mirror: str, sources: Path | None) -> None:
    program = shutil.which(DEBOOTSTRAP) or shutil.which(DEBOOTSTRAP, path="/usr/sbin:/sbin")
    if program is None:
        hint = "`apt-get install debootstrap`, or BASE=<a Debian image by digest>"
        raise ImageProblem("no registry answers, and there is no debootstrap here", hint=hint)
    if os.geteuid() != 0:
        hint = "run it once as root, or give BASE=<a Debian image by digest>"
        raise ImageProblem("debootstrap makes a system's tree, which only root may", hint=hint)
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="larets-base-") as folder:
        tree = Path(folder) / "tree"
        command = [program, "--variant=minbase", SUITE, str(tree), *([mirror] if mirror else [])]
        _slowly(command, name="base", hint="is the mirror reachable? MIRROR=<its address> names another")
        if sources:
            suffix = ".sources" if sources.suffix == ".sources" else ".list"  # apt reads two formats, by name
            (tree / "etc/apt/sources.list").unlink(missing_ok=True)
            (tree / "etc/apt/sources.list.d").mkdir(exist_ok=True)
            shutil.copyfile(sources, tree / f"etc/apt/sources.list.d/base{suffix}")
        shutil.rmtree(tree / "var/cache/apt", ignore_errors=True)
        fresh = archive.with_suffix(".new")
        left_out = [f"--exclude=./{name}/*" for name in ("dev", "proc", "sys", "var/lib/apt/lists")]
        _slowly(["tar", "--numeric-owner", "-C", str(tree), *left_out, "-cf", str(fresh), "."], name="base", hint="")
        fresh.replace(archive)


def _run(command: list[str], engine: Engine) -> None:
    _slowly(command, name="base", hint=f"what {engine.name} said stands above", env=dict(engine.env))


def _slowly(command: list[str], *, name: str, hint: str, env: dict[str, str] | None = None) -> None:
    try:
        run_slowly(command, cwd=_FOLDER, env=env or {}, name=name, unit="lines", hint=hint)
    except ToolProblem as problem:
        raise ImageProblem(str(problem), hint=problem.hint) from problem
