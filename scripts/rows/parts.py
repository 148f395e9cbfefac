"""A file of rows in parts of about the same size, each a stream of its own, so that several workers share the file."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

LEAST_BYTES: Final = 1 << 18  # a smaller part is not worth a connection
PIECE: Final = 1 << 18
_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes `start` to `stop` of a file, whole rows. `first` is the number of the first of them, from 1; `head` stands
    before them in the file and is sent before them: a table's line of names.
    """

    start: int
    stop: int
    first: int = 1
    head: bytes = b""

    @property
    def size(self) -> int:
        return self.stop - self.start

    def pieces(self, path: Path) -> Iterator[bytes]:
        if self.head:
            yield self.head
        with path.open("rb") as read:
            read.seek(self.start)
            left = self.size
            while left and (piece := read.read(min(PIECE, left))):
                left -= len(piece)
                yield piece


def split(path: Path, *, count: int, table: bool, least: int = LEAST_BYTES) -> list[Part]:
    """At most `count` parts; fewer of a small file. The same file and count give the same parts.

    A line feed within double quotes ends no row of a table (RFC 4180 §2.6). Raises OSError.
    """
    size = path.stat().st_size
    count = max(1, min(count, size // least))
    if count == 1:
        return [Part(0, size)]
    with path.open("rb") as read:
        head = _record(read) if table else b""
        begin = read.tell()
        cuts = [begin]
        numbers = [1]
        rows = 1
        for target in (begin + (size - begin) * at // count for at in range(1, count)):
            rows += _go_on(read, target, table=table)
            if cuts[-1] < read.tell() < size:
                cuts.append(read.tell())
                numbers.append(rows)
    ends = [*cuts[1:], size]
    parts = [Part(start, stop, first, head) for start, stop, first in zip(cuts, ends, numbers, strict=True)]
    return [Part(0, parts[0].stop), *parts[1:]]


def _go_on(read: IO[bytes], target: int, *, table: bool) -> int:
    """Reads to the end of the row in which `target` lies; how many rows that were."""
    rows = 0
    if read.tell() == 0 and read.peek(len(_MARK))[: len(_MARK)] == _MARK:  # type: ignore[attr-defined]  # buffered
        read.seek(len(_MARK))
    while read.tell() < target:
        line = _record(read) if table else read.readline()
        if not line:
            break
        rows += line not in (b"\n", b"\r\n")
    return rows


def _record(read: IO[bytes]) -> bytes:
    """A row of a table with the line feed that ends it."""
    record = read.readline()
    while record.count(b'"') % 2 and (line := read.readline()):
        record += line
    return record


def put_together(files: list[Path], out: Path) -> None:
    """Appends the later files to the first, which becomes `out`; deletes what was appended. Raises OSError."""
    first, *others = files
    with first.open("ab") as write:
        for path in others:
            with path.open("rb") as read:
                shutil.copyfileobj(read, write, PIECE)
            path.unlink()
    first.rename(out)
