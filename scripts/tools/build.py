"""Makes tools and remembers which are made: a stamp with the digest of everything they were made from."""

import fcntl
import hashlib
import importlib
import os
import pkgutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import scripts.tools
from scripts.local.instance import ROOT
from scripts.tools import tool as declared
from scripts.tools.tool import Tool, ToolProblem
from scripts.voice import say


@dataclass(frozen=True, slots=True)
class Made:
    """A tool's state after `make`."""

    name: str
    version: str
    seconds: float  # 0 when it was there already
    paths: tuple[str, ...]


def known_tools() -> dict[str, Tool]:
    """The tools of all modules of this package, by name."""
    found: dict[str, Tool] = {}
    for module in pkgutil.iter_modules(scripts.tools.__path__):
        for tool in getattr(importlib.import_module(f"scripts.tools.{module.name}"), "TOOLS", ()):
            if tool.name in found:
                raise ToolProblem(f"two modules declare the tool {tool.name}", hint="give one of them another name")
            found[tool.name] = tool
    return found


def digest(tool: Tool) -> str:
    total = hashlib.sha256(f"{tool.name}\0{tool.version}\0{tool.steps!r}".encode())
    for source in tool.sources:
        total.update(f"\0{source}\0".encode() + (ROOT / source).read_bytes())
    return total.hexdigest()


def is_made(tool: Tool) -> bool:
    stamp = _stamp(tool)
    return (
        stamp.exists()
        and stamp.read_text() == digest(tool)
        and all((declared.PLACE / path).exists() for path in tool.leaves)
    )


def make(names: Sequence[str]) -> list[Made]:
    """Makes what is lacking, with what it needs first.

    Raises:
        ToolProblem: an unknown name, or a step failed.
    """
    known = known_tools()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ToolProblem(f"there is no tool {', '.join(unknown)}", hint=f"known: {', '.join(sorted(known))}")
    ordered: dict[str, Tool] = {}
    for name in names or sorted(known):
        for each in (*known[name].needs, name):
            ordered[each] = known[each]
    return [_make(tool) for tool in ordered.values()]


def _make(tool: Tool) -> Made:
    seconds = 0.0
    if not is_made(tool):
        with _alone(tool):
            if not is_made(tool):  # another builder may have finished while this one waited
                seconds = _run(tool)
    return Made(tool.name, tool.version, seconds, tuple(str(declared.PLACE / path) for path in tool.leaves))


def _run(tool: Tool) -> float:
    started = time.monotonic()
    say(f"  {tool.name} {tool.version} … (about {tool.takes} the first time)")
    _stamp(tool).unlink(missing_ok=True)
    for step in tool.steps:
        step.run(tool.name)
    lacking = [path for path in tool.leaves if not (declared.PLACE / path).exists()]
    if lacking:
        raise ToolProblem(f"{tool.name}: the steps left no {', '.join(lacking)}", hint="correct the tool's steps")
    _stamp(tool).write_text(digest(tool))
    seconds = time.monotonic() - started
    say(f"  {tool.name} {tool.version}: {seconds:.0f} s")
    return seconds


def _stamp(tool: Tool) -> Path:
    return declared.PLACE / f".done-{tool.name}"


@contextmanager
def _alone(tool: Tool) -> Iterator[None]:
    """Two builds of one tool would write the same files: the second waits, then finds it made."""
    declared.PLACE.mkdir(exist_ok=True)
    descriptor = os.open(declared.PLACE / f".lock-{tool.name}", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"  {tool.name}: another build of it is at work; waiting …")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
