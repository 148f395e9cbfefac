"""`larets bench --stream`: files through the shipped command and vault, and the memory that takes.

The client is `larets rows` itself, as its users start it; the file is read from and written to the disk. What a process
grows by is counted from what it had after a small file went through.
"""

import csv
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from scripts.bench.cpu import VAULT, Meter
from scripts.bench.figures import Bar
from scripts.bench.limits import PROCESSES, Limit, open_limit
from scripts.bench.persons import PURPOSE, values
from scripts.bench.stage import Stage
from scripts.bench.vault_api import MOST_PER_SECOND
from scripts.local.instance import ROOT, InstanceProblem
from scripts.local.processes import running
from scripts.voice import say

ROWS: Final = 1_000_000
WARM_UP_ROWS: Final = 20_000
SAMPLE_SECONDS: Final = 0.1
_MIB: Final = 1024**2
BARS: Final = (Bar("value", 40_000), Bar("vault_mib", 200, most=True), Bar("client_mib", 200, most=True))
COLUMNS: Final = ("phone", "name", "email")
_CLASSES: Final = (2, 1, 3)  # their keys
LIMIT_SECONDS: Final = 5.0
LIMIT_VALUES: Final = 40_000


@dataclass(frozen=True, slots=True)
class StreamFigure:
    """`value`: rows a second; `limit`: what the bare database and cipher did right after. `…_mib`: by how much the
    largest worker and the client grew. `spent_us`: processor time a row, by who spent it.
    """

    name: str
    value: float
    rows: int
    limit: float
    vault_mib: float
    client_mib: float
    errors: int
    spent_us: dict[str, float] = field(default_factory=dict)

    @property
    def bars(self) -> list[tuple[Bar, bool]]:
        """Rows of one value have the bar of speed; all have that of memory."""
        wanted = BARS if self.name.endswith("_1") else BARS[1:]
        return [(bar, bar.cleared(getattr(self, bar.measure))) for bar in wanted]

    @property
    def holds(self) -> bool:
        return not self.errors and all(cleared for _, cleared in self.bars)

    def for_programs(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": round(self.value, 1),
            "unit": "rows/s",
            "rows": self.rows,
            "limit": round(self.limit, 1),
            "ratio": round(self.value / self.limit, 3),
            "vault_mib": round(self.vault_mib, 1),
            "client_mib": round(self.client_mib, 1),
            "errors": self.errors,
            "spent_us": {who: round(spent, 2) for who, spent in self.spent_us.items()},
            "bars": [{"bar": str(bar), "holds": cleared} for bar, cleared in self.bars],
            "holds": self.holds,
        }

    def __str__(self) -> str:
        spent = ", ".join(f"{who} {micro:.1f}" for who, micro in self.spent_us.items())
        verdict = "holds" if self.holds else "MISSED"
        return (
            f"{self.name}: {self.value:,.0f} rows/s of {self.rows:,}, {self.value / self.limit:.2f} of the limit; "
            f"grew by {self.vault_mib:.0f} (vault) and "
            f"{self.client_mib:.0f} MiB (client); µs a row: {spent}; {verdict}"
        )


class Memory:
    """The largest resident size of processes while they were watched, in bytes, by process id."""

    def __init__(self) -> None:
        self.peaks: dict[int, int] = {}

    @contextmanager
    def of(self, processes: Sequence[psutil.Process]) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._watch, args=(processes, stop))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _watch(self, processes: Sequence[psutil.Process], stop: threading.Event) -> None:
        while not stop.wait(SAMPLE_SECONDS):
            for process in processes:
                try:
                    size = process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
                self.peaks[process.pid] = max(size, self.peaks.get(process.pid, 0))


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the command did. `workers`: their largest sizes by process id."""

    rows: int
    errors: int
    seconds: float
    workers: dict[int, int]
    client: int
    spent: dict[str, float]


@dataclass(slots=True)
class StreamBench:
    """Files in `folder`, written once for each width."""

    stage: Stage
    limit: Limit
    folder: Path
    rows: int
    small: dict[str, Run] = field(default_factory=dict)

    def figures(self) -> list[StreamFigure]:
        self._both(1, WARM_UP_ROWS, "small")
        found = []
        for width in (1, len(COLUMNS)):
            found += self._both(width, self.rows, "file")
        return found

    def _both(self, width: int, rows: int, name: str) -> list[StreamFigure]:
        """Tokenised, then revealed from the answer."""
        source, tokens, back = (self.folder / f"{name}-{part}.csv" for part in ("values", "tokens", "back"))
        _write(source, rows, width)
        used = COLUMNS[:width]
        taken = self._run(["tokenise", str(source), "--columns", _columns(used, used), "--out", str(tokens)])
        asked = ["--columns", _columns(used, ["value"] * width), "--purpose", PURPOSE]
        given = self._run(["reveal", str(tokens), *asked, "--out", str(back)])
        if not _same(source, back, used):
            raise InstanceProblem("the values that came back are not those that were sent")
        for path in (source, tokens, back):
            path.unlink()
        if name == "small":
            self.small = {"tokenise": taken, "reveal": given}
            return []
        return [
            self._figure(f"stream_tokenise_{width}", "tokenise", taken, self._limit_writes(width)),
            self._figure(f"stream_reveal_{width}", "reveal", given, self._limit_fetches(width)),
        ]

    def _limit_writes(self, width: int) -> float:
        """Rows a second: persons of so many values, one connection a process, batches as the vault's."""
        size = 1000 // width * width
        count = int(MOST_PER_SECOND[1000] * LIMIT_SECONDS / size / PROCESSES) + 10
        seen = self.limit.write(size, count=count, connections=1, seconds=LIMIT_SECONDS, classes=_CLASSES[:width])
        return seen.rate / width

    def _limit_fetches(self, width: int) -> float:
        """Rows a second, the persons' keys fetched and unwrapped with them."""
        self.limit.populate(LIMIT_VALUES, classes=_CLASSES[:width])
        return self.limit.fetch(1000 // width * width, connections=1, seconds=LIMIT_SECONDS, cold=True).rate / width

    def _figure(self, name: str, verb: str, run: Run, limit: float) -> StreamFigure:
        small = self.small[verb]
        grown = [size - small.workers.get(pid, 0) for pid, size in run.workers.items()]
        figure = StreamFigure(
            name,
            run.rows / run.seconds,
            run.rows,
            limit,
            max(grown) / _MIB,
            (run.client - small.client) / _MIB,
            run.errors,
            {who: spent * 1e6 / run.rows for who, spent in run.spent.items()},
        )
        say(f"  {figure}")
        return figure

    def _run(self, arguments: list[str]) -> Run:
        vault = running(self.stage.instance, VAULT)
        if vault is None:
            raise InstanceProblem("the vault does not run")
        memory, meter = Memory(), Meter(self.stage.instance)
        before, own = meter.read(), sum(os.times()[2:4])
        client = psutil.Popen(
            [sys.executable, "-m", "scripts.main", "rows", *arguments, "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env={**os.environ, "LARETS_HOME": str(self.stage.instance.home)},
        )
        with memory.of([client, *vault.children()]):
            out, _ = client.communicate()
        spent = meter.read().since(before)
        try:
            told = json.loads(out)
        except ValueError:
            raise InstanceProblem(f"larets rows {arguments[0]} ended with {client.returncode}") from None
        own = sum(os.times()[2:4]) - own
        size = memory.peaks.pop(client.pid, 0)
        by_whom = {"vault": spent.vault, "postgres": spent.postgres, "client": own}
        return Run(told["rows"], told["errors"], told["seconds"], memory.peaks, size, by_whom)


def streams(stage: Stage, *, rows: int) -> list[StreamFigure]:
    """Both ways, rows of one value and of three."""
    folder = stage.instance.home / "streams"
    folder.mkdir(exist_ok=True)
    with open_limit(stage.instance, stage.tenant) as limit:
        return StreamBench(stage, limit, folder, rows).figures()


def _columns(names: Sequence[str], uses: Sequence[str]) -> str:
    return ",".join(f"{name}:{use}" for name, use in zip(names, uses, strict=True))


def _write(path: Path, rows: int, width: int) -> None:
    """A table of generated persons."""
    seed = time.time_ns()
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS[:width])
        for at in range(0, rows, WARM_UP_ROWS):
            drawn = values(4 * min(WARM_UP_ROWS, rows - at), seed=seed + at)
            by_class = {"name": drawn[::4], "phone": drawn[1::4], "email": drawn[2::4]}
            writer.writerows(zip(*(by_class[column] for column in COLUMNS[:width]), strict=True))


def _same(source: Path, back: Path, names: Sequence[str]) -> bool:
    """Whether every row came back as it was, in its place."""
    with source.open(newline="") as sent, back.open(newline="") as given:
        for one, other in zip(csv.DictReader(sent), csv.DictReader(given), strict=True):
            if any(one[name] != other[name] for name in names):
                return False
    return True
