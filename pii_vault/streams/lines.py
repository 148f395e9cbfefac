"""Bytes in pieces of any length → whole lines, of bounded length."""

from typing import Final

MAX_LINE_BYTES: Final = 64 * 1024
_MARK: Final = b"\xef\xbb\xbf"

Line = bytes | None  # None: it was over MAX_LINE_BYTES and is dropped; its place is kept


class Lines:
    """Splits at line feeds; with `quoted`, not at those within double quotes (RFC 4180 §2.6).

    Holds one line at most, besides the piece at hand. Empty lines are left out, and so are the carriage return
    before a line feed and a byte order mark.
    """

    def __init__(self, *, quoted: bool = False) -> None:
        self._quoted = quoted
        self._rest = b""
        self._open = b""  # a record whose quotes are not closed yet
        self._dropping = False  # within a line that is too long
        self._begun = False

    def add(self, piece: bytes) -> list[Line]:
        if not self._begun and len(self._rest) + len(piece) >= len(_MARK):
            self._begun = True
            piece = (self._rest + piece).removeprefix(_MARK)
            self._rest = b""
        block, feed, rest = piece.rpartition(b"\n")
        if not feed:
            self._rest += rest
            return self._overlong()
        whole = self._rest + block
        self._rest = rest
        found = self._records(whole)
        return found + self._overlong()

    def finish(self) -> list[Line]:
        """The last line, where no line feed ended it."""
        found = self._records(self._rest.removeprefix(_MARK) if not self._begun else self._rest)
        self._rest = b""
        if self._open:
            found.append(None)  # its quotes were never closed
            self._open = b""
        return found

    def _records(self, whole: bytes) -> list[Line]:
        lines = whole.split(b"\n")
        if self._dropping:  # the first of them is the end of a line that was told already
            self._dropping = False
            lines = lines[1:]
        if self._quoted and (self._open or b'"' in whole):
            return self._joined(lines)
        if b"\r" in whole:
            lines = [line[:-1] if line[-1:] == b"\r" else line for line in lines]
        return [line if len(line) <= MAX_LINE_BYTES else None for line in lines if line]

    def _joined(self, lines: list[bytes]) -> list[Line]:
        found: list[Line] = []
        for line in lines:
            record = self._open + b"\n" + line if self._open else line
            if len(record) > MAX_LINE_BYTES:
                found.append(None)
                self._open = b""
            elif record.count(b'"') % 2:
                self._open = record
            else:
                self._open = b""
                bare = record[:-1] if record[-1:] == b"\r" else record
                if bare:
                    found.append(bare)
        return found

    def _overlong(self) -> list[Line]:
        if len(self._rest) <= MAX_LINE_BYTES:
            return []
        told = self._dropping
        self._rest = b""
        self._open = b""
        self._dropping = True
        return [] if told else [None]
