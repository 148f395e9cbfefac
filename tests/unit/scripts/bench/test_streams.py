"""The bench of files: what it calls the same, what it calls growth, which bars it holds up."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from scripts.bench.streams import COLUMNS, SAMPLE_SECONDS, Memory, StreamFigure, _same, _write


def figure(
    name: str = "stream_tokenise_1", *, value: float = 41_000, vault: float = 9, errors: int = 0
) -> StreamFigure:
    return StreamFigure(name, value, 1000, 60_000, vault, 2, errors, {"vault": 9.0})


def test_every_bar_and_every_row_counts() -> None:
    assert figure().holds
    assert not figure(value=39_999).holds
    assert not figure(vault=201).holds
    assert not figure(errors=1).holds
    assert figure("stream_tokenise_3", value=1).holds  # the bar of speed is for rows of one value
    assert not figure("stream_tokenise_3", vault=201).holds
    assert [bar["bar"] for bar in figure().for_programs()["bars"]] == [
        "value ≥ 40,000", "vault_mib ≤ 200", "client_mib ≤ 200",
    ]  # fmt: skip


def test_a_file_is_generated_anew_and_compared_row_by_row(tmp_path: Path) -> None:
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    _write(one, 50, 3)
    _write(other, 50, 3)
    assert len(one.read_text().splitlines()) == 51
    assert one.read_text() != other.read_text()
    assert _same(one, one, COLUMNS)
    assert not _same(one, other, COLUMNS)
    lines = one.read_text().splitlines(keepends=True)
    other.write_text("".join([lines[0], lines[2], lines[1], *lines[3:]]))
    assert not _same(one, other, COLUMNS)
    other.write_text("".join(lines[:-1]))
    with pytest.raises(ValueError, match="shorter"):
        _same(one, other, COLUMNS)


def test_memory_that_a_process_takes_is_seen() -> None:
    code = "x = bytearray(60 * 2**20); x[::4096] = x[::4096]; print(1, flush=True); input()"
    process = psutil.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    memory = Memory()
    with memory.of([process]):
        process.stdout.readline()
        time.sleep(3 * SAMPLE_SECONDS)
        process.communicate(b"\n")
    assert memory.peaks[process.pid] > 60 * 2**20
