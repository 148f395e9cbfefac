"""One file through the vault by several streams at once, and the answers in the file's order."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext
from typing import Final

import uvloop

from pii_vault.streams.client import StreamBroken
from pii_vault.streams.client import stream as send
from scripts.rows.parts import Part, put_together, split
from scripts.rows.tally import Tally

PROGRESS_SECONDS: Final = 2.0
MOST_PARTS: Final = 16


@dataclass(frozen=True, slots=True)
class Errand:
    """What is asked of which vault. `address` has the query; `headers` are those of every stream."""

    address: str
    headers: dict[str, str]
    tls: SSLContext | None
    table: bool
    source: Path
    out: Path
    key: str = ""  # of all streams together: each has its own of it
    connections: int = 1


@dataclass(slots=True)
class Progress:
    """How far all streams are together. `total` and `sent` are bytes of the file, `lines` those that were sent."""

    total: int
    tallies: list[Tally]
    sent: int = 0
    lines: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def rows(self) -> int:
        return sum(tally.rows for tally in self.tallies)

    @property
    def errors(self) -> int:
        return sum(tally.errors for tally in self.tallies)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def share(self) -> float:
        """Of the file that was answered: much of what was sent still waits on the way."""
        answered = min(1.0, self.rows / max(1, self.lines))
        return answered * min(1.0, self.sent / max(1, self.total))

    def __str__(self) -> str:
        share = self.share
        left = f", about {self.seconds * (1 - share) / share:.0f} s left" if 0 < share < 1 else ""
        wrong = f", {self.errors:,} with an error" if self.errors else ""
        return f"{self.rows:,} rows ({share:.0%}), {self.rows / self.seconds:,.0f} a second{left}{wrong}"


class Stopped(Exception):
    """The vault stopped a stream before its end. `code` is its problem's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class _Stream:
    """One part on its way. `number` is from 1."""

    number: int
    part: Part
    answer: Path
    tally: Tally


def run(errand: Errand, tell: Callable[[Progress], None]) -> Progress:
    """Writes the answer, wholly or not at all; tells how far it is every few seconds.

    Raises:
        StreamRefused, StreamBroken, Stopped, OSError. Nothing is left behind.
    """
    parts = split(errand.source, count=errand.connections, table=errand.table)
    streams = [
        _Stream(
            number,
            part,
            errand.out.with_name(f"{errand.out.name}.part{number}"),
            Tally(table=errand.table, names=number == 1),
        )
        for number, part in enumerate(parts, start=1)
    ]
    answers = [each.answer for each in streams]
    progress = Progress(sum(part.size for part in parts), [each.tally for each in streams])
    try:
        for path in answers:
            path.unlink(missing_ok=True)
            path.touch(mode=0o600)
        uvloop.run(_all(errand, streams, progress, tell))
        put_together(answers, errand.out)
    finally:
        for path in answers:
            path.unlink(missing_ok=True)
    return progress


async def _all(
    errand: Errand, streams: Sequence[_Stream], progress: Progress, tell: Callable[[Progress], None]
) -> None:
    telling = asyncio.create_task(_tell(progress, tell))
    tasks = [asyncio.create_task(_one(errand, each, progress)) for each in streams]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in (telling, *tasks):
            task.cancel()
        await asyncio.gather(telling, *tasks, return_exceptions=True)


async def _one(errand: Errand, stream: _Stream, progress: Progress) -> None:
    headers = dict(errand.headers)
    if errand.key:
        headers["idempotency-key"] = f"{errand.key}.{stream.number}"
    first, tally = stream.part.first, stream.tally
    address = f"{errand.address}&first={first}" if first > 1 else errand.address

    async def pieces() -> AsyncIterator[bytes]:
        for piece in stream.part.pieces(errand.source):
            yield piece
            progress.sent += len(piece)
            progress.lines += piece.count(b"\n")

    with stream.answer.open("wb") as write:
        async for piece in send(address, pieces(), headers=headers, tls=errand.tls):
            write.write(tally.add(piece))
    if tally.stopped:
        raise Stopped(tally.stopped)
    if not tally.complete:
        raise StreamBroken


async def _tell(progress: Progress, tell: Callable[[Progress], None]) -> None:
    while True:
        await asyncio.sleep(PROGRESS_SECONDS)
        tell(progress)
