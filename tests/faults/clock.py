"""Clocks of running processes, turned back and forth: libfaketime between them and the machine's own."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from scripts.tools.faketime import WITH_THREADS, WITHOUT_THREADS
from scripts.tools.tool import PLACE

Who = Literal["vault", "postgres"]
# PostgreSQL has no threads, and asks for the time in signal handlers, where a lock would wait for ever.
LIBRARIES: Final[Mapping[Who, str]] = {"vault": WITH_THREADS, "postgres": WITHOUT_THREADS}
# Until a process has looked again: libfaketime counts in whole seconds, and looks when more than
# FAKETIME_CACHE_DURATION of them have begun, so up to two seconds later.
SEEN_SECONDS: Final = 2.5


@dataclass(frozen=True, slots=True)
class Clocks:
    """`folder` must be open to the account of PostgreSQL.

    Raises:
        FileNotFoundError: `larets tools libfaketime` has not been run.
    """

    folder: Path

    def __post_init__(self) -> None:
        for library in LIBRARIES.values():
            made = PLACE / library
            if not made.exists():
                raise FileNotFoundError("there is no libfaketime here yet; run: larets tools libfaketime")
            shutil.copy(made, self.folder)
        self.turn(vault=0, postgres=0)

    def turn(self, **hours: float) -> None:
        """How far each clock is from the right time."""
        for who, offset in hours.items():
            fresh = self.folder / f".{who}"
            fresh.write_text(f"{offset * 3600:+.0f}")
            fresh.replace(self.folder / who)

    def environment(self, who: Who) -> Mapping[str, str]:
        """Durations stay right: it is the time of day alone that is wrong."""
        return {
            "LD_PRELOAD": str(self.folder / Path(LIBRARIES[who]).name),
            "FAKETIME_TIMESTAMP_FILE": str(self.folder / who),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
