"""The engine's locks: who holds one, and whether its holder is gone."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.env.engine import Engine
from scripts.env.errors import Locked
from scripts.env.journal import at_work

ENGINE: Final = "pulumi"  # a part of its program's name


@dataclass(frozen=True, slots=True)
class Lock:
    """`stale`: its process ran on this machine and runs no more."""

    stack: str
    path: Path
    holder: str
    since: str
    stale: bool


def locks_of(engines: Iterable[Engine]) -> list[Lock]:
    """Of a state in files; another backend keeps its locks where only the engine sees them."""
    found = []
    for engine in engines:
        for path in sorted(engine.locks.rglob("*.json")) if engine.locks.exists() else ():
            held = json.loads(path.read_text())
            if engine.program.project in path.parts:
                holder = f"{held.get('username')} on {held.get('hostname')}, process {held.get('pid')}"
                stale = not at_work(held, program=ENGINE)
                found.append(Lock(engine.program.stack, path, holder, str(held.get("timestamp")), stale))
    return found


def refuse_locked(engines: Iterable[Engine]) -> None:
    """Raises Locked, with who holds it and whether that one is gone."""
    for lock in locks_of(engines):
        if lock.stale:
            raise Locked(
                f"the stack {lock.stack} is locked since {lock.since} by {lock.holder}, which runs no more",
                hint="it was killed: `larets env unlock`, then plan again: what it did stands in the state",
            )
        raise Locked(f"the stack {lock.stack} is locked since {lock.since} by {lock.holder}")
