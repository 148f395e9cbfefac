"""Lines of a table → its records: a line feed within a quoted cell ends none (RFC 4180 §2.6)."""

import re
from typing import Final, Literal

MAX_LINE_BYTES: Final = 64 * 1024
_QUOTED: Final = re.compile(r'"[^"]*(?:"|$)')

Line = bytes | None  # None: it was over MAX_LINE_BYTES and is dropped; its place is kept
_End = Literal["whole", "open", "broken"]


def separator_of(header: str) -> str:
    """Comma, semicolon or tab: the one that the first line of a table has most of, outside quotes."""
    return max(",;\t", key=_QUOTED.sub("", header.partition("\n")[0]).count)


class Records:
    """A quote opens a cell only where the cell begins: an inch mark within one is a character like others.

    Lines that make no record together, because a quote is never closed, or closed within a cell, or beyond
    MAX_LINE_BYTES, are given one by one, so that no row is lost in another's. The first record tells the separator.
    """

    def __init__(self) -> None:
        self._separator = b""
        self._held: list[bytes] = []  # lines of a record whose last cell is not closed yet
        self._size = 0

    @property
    def is_plain(self) -> bool:
        """Are lines without a quote records as they are?"""
        return bool(self._separator) and not self._held

    def add(self, line: bytes) -> list[Line]:
        """The records that this line ends. `line`: without its line feed."""
        if not self._separator and line not in (b"", b"\r"):
            self._separator = separator_of(line.decode("utf-8", "replace")).encode()
        if self._size + len(line) > MAX_LINE_BYTES:
            return [*self.finish(), *_bare(line)]
        end = _end(line, self._separator, is_open=bool(self._held))
        if end == "open":
            self._held.append(line)
            self._size += len(line) + 1
            return []
        if end == "broken":
            return [*self.finish(), *_bare(line)]
        record = b"\n".join([*self._held, line])
        self._let_go()
        return _bare(record)

    def finish(self) -> list[Line]:
        """What is held, line by line: nothing closes it any more."""
        found = [record for line in self._held for record in _bare(line)]
        self._let_go()
        return found

    def _let_go(self) -> None:
        self._held = []
        self._size = 0


def _bare(record: bytes) -> list[Line]:
    """None where it is empty."""
    bare = record[:-1] if record[-1:] == b"\r" else record
    if len(bare) > MAX_LINE_BYTES:
        return [None]
    return [bare] if bare else []


def _end(line: bytes, separator: bytes, *, is_open: bool) -> _End:
    """How a line ends that begins within a quoted cell or not. Costs its length."""
    at, end = 0, len(line) - (line[-1:] == b"\r")
    while True:
        if not is_open:
            if line[at : at + 1] != b'"':
                at = line.find(separator, at)
                if at < 0:
                    return "whole"
                at += 1
                continue
            at += 1
        while (at := line.find(b'"', at)) >= 0 and line[at + 1 : at + 2] == b'"':
            at += 2  # a quote within the cell
        if at < 0:
            return "open"
        at += 1
        is_open = False
        if at >= end:
            return "whole"
        if line[at : at + 1] != separator:
            return "broken"
        at += 1
