"""A file of rows in parts of about the same size, each a stream of its own, so that several workers share the file."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from pii_vault.streams.records import Records

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
        rows = _Rows(read, table=table)
        head = rows.head() if table else b""
        begin = rows.at
        cuts, numbers = [begin], [1]
        for target in (begin + (size - begin) * at // count for at in range(1, count)):
            rows.go_on(target)
            if cuts[-1] < rows.at < size:
                cuts.append(rows.at)
                numbers.append(rows.number)
    ends = [*cuts[1:], size]
    parts = [Part(start, stop, first, head) for start, stop, first in zip(cuts, ends, numbers, strict=True)]
    return [Part(0, parts[0].stop), *parts[1:]]


class _Rows:
    """A file read row by row. `at`: where the next one begins; `number`: of that one, from 1."""

    def __init__(self, read: IO[bytes], *, table: bool) -> None:
        self._read = read
        self._table = Records() if table else None
        if read.peek(len(_MARK))[: len(_MARK)] == _MARK:  # type: ignore[attr-defined]  # buffered
            read.seek(len(_MARK))
        self.at = read.tell()
        self.number = 1

    def head(self) -> bytes:
        """The line of names, with the line feed that ends it."""
        start = self.at
        while self.number == 1 and self._step():
            pass
        self.number = 1
        self._read.seek(start)
        return self._read.read(self.at - start)

    def go_on(self, target: int) -> None:
        """To the end of the row in which `target` lies."""
        while self.at < target and self._step():
            pass

    def _step(self) -> bool:
        """A line more. False: there is none."""
        line = self._read.readline()
        if not line:
            return False
        if self._table is None:
            self.number += line not in (b"\n", b"\r\n")
        else:
            self.number += len(self._table.add(line.removesuffix(b"\n")))
        if self._table is None or self._table.is_plain:
            self.at = self._read.tell()
        return True


def put_together(files: list[Path], out: Path) -> None:
    """Appends the later files to the first, which becomes `out`; deletes what was appended. Raises OSError."""
    first, *others = files
    with first.open("ab") as write:
        for path in others:
            with path.open("rb") as read:
                shutil.copyfileobj(read, write, PIECE)
            path.unlink()
    first.rename(out)
