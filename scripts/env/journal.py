"""What was applied when, and what was begun and not finished. A killed command leaves its mark here."""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.env.place import Contour
from scripts.env.plan import Plan
from scripts.files import write_whole


class Journal:
    """Of one contour."""

    def __init__(self, contour: Contour) -> None:
        self._folder = contour.folder

    @property
    def _mark(self) -> Path:
        return self._folder / "applying.json"

    @contextmanager
    def applying(self, plan: Plan) -> Iterator[None]:
        """The mark stands from the first step to the last, and stays when the process does not get there."""
        held = {
            "digest": plan.digest,
            "began": datetime.now(UTC).isoformat(timespec="seconds"),
            "host": socket.gethostname(),
            "pid": os.getpid(),
        }
        write_whole(self._mark, json.dumps(held), mode=0o600)
        yield
        self.finished()

    def finished(self) -> None:
        self._mark.unlink(missing_ok=True)

    def interrupted(self) -> dict[str, Any] | None:
        """The mark of an apply that did not finish; None while it may still be at work."""
        if not self._mark.exists():
            return None
        held: dict[str, Any] = json.loads(self._mark.read_text())
        return None if at_work(held) else held

    def add(self, entry: Mapping[str, Any]) -> None:
        with (self._folder / "history.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def at_work(held: Mapping[str, Any]) -> bool:
    """Does the process that left this mark still run? One of another machine cannot be asked: it counts as at work."""
    if held.get("host", held.get("hostname")) != socket.gethostname():
        return True
    return Path(f"/proc/{held['pid']}").exists()
