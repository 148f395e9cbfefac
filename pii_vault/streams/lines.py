"""Bytes in pieces of any length → whole lines, of bounded length."""

from typing import Final

from pii_vault.streams.records import MAX_LINE_BYTES, Line, Records

_MARK: Final = b"\xef\xbb\xbf"


class Lines:
    """Splits at line feeds; with `quoted`, into the records of a table (`Records`).

    Holds one line at most, besides the piece at hand. Empty lines are left out, and so are the carriage return
    before a line feed and a byte order mark.
    """

    def __init__(self, *, quoted: bool = False) -> None:
        self._table = Records() if quoted else None
        self._rest = b""
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
        return found + (self._table.finish() if self._table else [])

    def _records(self, whole: bytes) -> list[Line]:
        lines = whole.split(b"\n")
        if self._dropping:  # the first of them is the end of a line that was told already
            self._dropping = False
            lines = lines[1:]
        if self._table and not (self._table.is_plain and b'"' not in whole):
            return [record for line in lines for record in self._table.add(line)]
        if b"\r" in whole:
            lines = [line[:-1] if line[-1:] == b"\r" else line for line in lines]
        return [line if len(line) <= MAX_LINE_BYTES else None for line in lines if line]

    def _overlong(self) -> list[Line]:
        if len(self._rest) <= MAX_LINE_BYTES:
            return []
        told = self._dropping
        self._rest = b""
        self._dropping = True
        if told:
            return []
        return [*(self._table.finish() if self._table else []), None]
