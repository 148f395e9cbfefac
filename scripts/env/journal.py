"""What was applied when, and what was begun and not finished. A killed command leaves its mark here."""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from scripts.env.place import Contour
from scripts.env.plan import Plan
from scripts.files import write_whole

BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
START: Final = 19  # of the fields of /proc/N/stat after the program's name: ticks from the boot to the start


class Mark:
    """Stands in the contour's folder from a command's first step to its last, and stays if it does not get there."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def set(self, told: Mapping[str, Any]) -> None:
        own = {"host": socket.gethostname(), "pid": os.getpid(), "started": _started(os.getpid())}
        began = datetime.now(UTC).isoformat(timespec="seconds")
        write_whole(self._path, json.dumps({"began": began, **told, **own}), mode=0o600)

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)

    def disown(self) -> None:
        """Nobody is at work on it any more, and it is not done."""
        held = self.held()
        if held:
            write_whole(self._path, json.dumps({**held, "host": socket.gethostname(), "pid": 0}), mode=0o600)

    def held(self) -> dict[str, Any] | None:
        """Whoever left it."""
        if not self._path.exists():
            return None
        told: dict[str, Any] = json.loads(self._path.read_text())
        return told

    def left(self) -> dict[str, Any] | None:
        """By a command that did not finish; None while it may still be at work."""
        told = self.held()
        return None if told is None or at_work(told) else told


class Journal:
    """Of one contour."""

    def __init__(self, contour: Contour) -> None:
        self._folder = contour.folder
        self.mark = Mark(contour.folder / "applying.json")

    @contextmanager
    def applying(self, plan: Plan) -> Iterator[None]:
        """The mark stands from the first step to the last, and stays when the process does not get there."""
        self.mark.set({"digest": plan.digest})
        yield
        self.finished()

    def finished(self) -> None:
        self.mark.clear()

    def interrupted(self) -> dict[str, Any] | None:
        """The mark of an apply that did not finish; None while it may still be at work."""
        return self.mark.left()

    def add(self, entry: Mapping[str, Any]) -> None:
        with (self._folder / "history.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def at_work(held: Mapping[str, Any], *, program: str = "") -> bool:
    """Does the process that left this mark still run? One of another machine cannot be asked: it counts as at work.

    A number is given to another process later: a mark of ours says when its process was started; of one that says
    nothing of it, `program` is a part of the name that its process has.
    """
    if held.get("host", held.get("hostname")) != socket.gethostname():
        return True
    number = int(held["pid"])
    started = _started(number)
    if not started or "started" in held:
        return bool(started) and started == held["started"]
    return program in _name(number)


def _started(number: int) -> str:
    """When, in a way that no other process and no other clock shares; empty when there is no such process."""
    try:
        told = Path(f"/proc/{number}/stat").read_text(errors="replace")
    except OSError:
        return ""
    return f"{BOOT.read_text().strip()} {told.rpartition(')')[2].split()[START]}"


def _name(number: int) -> str:
    try:
        return Path(f"/proc/{number}/comm").read_text(errors="replace").strip()
    except OSError:  # it has just ended
        return ""
