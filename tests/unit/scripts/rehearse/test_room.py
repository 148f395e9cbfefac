"""Rooms end with their opener, whatever ends that. Root alone may open one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.local.instance import ROOT
from scripts.rehearse.deep.room import Room, end

pytestmark = pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="namespaces need root on Linux")

MARK = "larets-room-test-4711"
OPENER = f"""
import subprocess, sys, time
from scripts.rehearse.deep.room import Room
room = Room.open("x")
subprocess.Popen(room.enter("sh", "-c", "sleep 300 # {MARK}"))
time.sleep(0.3)
print(room.pid, flush=True)
time.sleep(300)
"""


def _running() -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if MARK in entry.read_text() and "from scripts" not in entry.read_text():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


def test_a_room_has_a_network_and_processes_of_its_own() -> None:
    room = Room.open("x")
    try:
        assert [line.split()[1] for line in room.run("ip", "-o", "link").splitlines()] == ["lo:"]
        assert len(room.run("ps", "-e", "-o", "pid").split()) <= 4
        process = subprocess.Popen(room.enter("sleep", "300"))  # noqa: S603  ours
        time.sleep(0.2)
        end(process)
        assert process.returncode is not None
        assert "sleep 300" not in room.run("ps", "ax")
    finally:
        room.close()


def test_nothing_outlives_a_killed_opener() -> None:
    started = [sys.executable, "-c", OPENER]
    with subprocess.Popen(started, cwd=ROOT, stdout=subprocess.PIPE, text=True) as opener:  # noqa: S603  ours
        assert opener.stdout is not None
        assert int(opener.stdout.readline())
        assert _running(), "or nothing is proved"
        os.kill(opener.pid, signal.SIGKILL)
    until = time.monotonic() + 10
    while _running() and time.monotonic() < until:
        time.sleep(0.05)
    assert not _running()
