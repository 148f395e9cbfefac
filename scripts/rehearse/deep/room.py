"""Rooms: Linux namespaces (mounts, network, processes, host name) that end with their first process.

Nothing is left when that process is killed, whoever kills it: the kernel ends all processes of the room, and with
them go its mounts, interfaces and packet filters. The first process is bound to whoever opened the room, so a killed
rehearsal takes its rooms along.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scripts.rehearse.plane import PlaneProblem

PATIENCE: Final = 20.0
NAMESPACES: Final = ("--mount", "--net", "--pid", "--uts", "--ipc")
# It ends with its opener; a process that nobody waits for is reaped by the kernel, as the first one ignores SIGCHLD.
FIRST: Final = ("env", "--ignore-signal=CHLD", "sleep", "infinity")


def opened(command: Sequence[str]) -> list[str]:
    """`command` as the first process of a new room that ends with the caller's thread."""
    bound = ["setpriv", "--pdeathsig", "KILL"]
    return [*bound, "unshare", *NAMESPACES, "--fork", "--kill-child=KILL", "--mount-proc", *command]


@dataclass(slots=True)
class Room:
    """An open room. `pid`: its first process, seen from here."""

    name: str
    opener: subprocess.Popen[bytes]
    pid: int

    @classmethod
    def open(cls, name: str) -> "Room":
        """Raises PlaneProblem: no right to make namespaces."""
        opener = subprocess.Popen(opened(FIRST), stdin=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and opener.poll() is None:
            pid = child_of(opener.pid)
            if pid and _runs(pid, "sleep"):
                return cls(name, opener, pid)
            time.sleep(0.02)
        opener.kill()
        raise PlaneProblem(f"no namespaces for {name} could be made", hint="it needs root and Linux 5.10 or newer")

    def enter(self, *command: str) -> list[str]:
        """The command line that runs `command` inside."""
        return ["nsenter", f"--target={self.pid}", *NAMESPACES, "--", *command]

    def run(self, *command: str, env: Mapping[str, str] | None = None, given: str = "", quiet: bool = False) -> str:
        """Run to its end inside; what it prints.

        Raises:
            PlaneProblem: it failed, and `quiet` is not set.
        """
        done = subprocess.run(self.enter(*command), env=env, input=given, capture_output=True, text=True, check=False)
        if done.returncode and not quiet:
            raise PlaneProblem(f"{self.name}: {command[0]} failed: {done.stderr.strip()[-400:]}")
        return done.stdout

    def close(self) -> None:
        """At once, as when the power goes: no process inside is told. Returns when all of them have ended."""
        self.opener.kill()
        self.opener.wait()
        until = time.monotonic() + PATIENCE
        while not _has_ended(self.pid) and time.monotonic() < until:
            time.sleep(0.02)


def end(process: "subprocess.Popen[Any]", told: int = signal.SIGTERM, *, patience: float = PATIENCE) -> None:
    """End a program that was started inside a room: it is the child of the process that entered."""
    child = child_of(process.pid)
    if child:
        os.kill(child, told)
    elif process.poll() is None:
        process.kill()
    try:
        process.wait(timeout=patience)
    except subprocess.TimeoutExpired:
        if child:
            os.kill(child, signal.SIGKILL)
        process.wait()


def child_of(pid: int) -> int:
    """The first child of a process; 0 when there is none (yet)."""
    for process in Path("/proc").iterdir():
        try:
            after_name = (process / "stat").read_text().rpartition(")")[2].split()
            if process.name.isdigit() and int(after_name[1]) == pid:
                return int(process.name)
        except (OSError, IndexError, ValueError):
            continue
    return 0


def _has_ended(pid: int) -> bool:
    """The first process of a room ends last. Nobody may have reaped it yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def _runs(pid: int, program: str) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == program
    except OSError:
        return False
