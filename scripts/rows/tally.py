"""Counts an answer's rows as they pass, whole pieces at a time."""

import json
from typing import Final

_SUMS: Final = (b'{"done"', b'{"stopped"')


class Tally:
    """Of one stream. An NDJSON answer ends with its own sum, which is left out; a table that breaks off breaks the
    connection. Where `names` is false a table's line of names is left out too.
    """

    def __init__(self, *, table: bool, names: bool = True) -> None:
        self.rows = 0
        self.errors = 0
        self.complete = table
        self.stopped = ""
        self._table = table
        self._names = names
        self._good = b""  # how a row without an error ends, once the line of names was seen
        self._quotes = 0
        self._rest = b""

    def add(self, piece: bytes) -> bytes:
        """The piece, as far as its lines are whole, without what is left out."""
        block, feed, rest = piece.rpartition(b"\n")
        if not feed:
            self._rest += rest
            return b""
        lines = self._rest + block + feed
        self._rest = rest
        return self._rows_of_table(lines) if self._table else self._objects(lines)

    def _objects(self, lines: bytes) -> bytes:
        last = lines.rfind(b"\n", 0, -1) + 1
        if lines.startswith(_SUMS, last):
            end = json.loads(lines[last:])
            self.complete, self.stopped = "done" in end, str(end.get("stopped", ""))
            lines = lines[:last]
        self.rows += lines.count(b"\n")
        self.errors += lines.count(b'"error":')  # within a text the quotes would be escaped
        return lines

    def _rows_of_table(self, lines: bytes) -> bytes:
        names = b""
        if not self._good:
            names, _, lines = lines.partition(b"\n")
            self._good = names.rstrip(b"\r").removesuffix(b"error")[-1:] + b"\r\n"
            names = names + b"\n" if self._names else b""
        if self._quotes % 2 == 0 and b'"' not in lines:
            rows = lines.count(b"\n")
            self.rows += rows
            self.errors += rows - lines.count(self._good)
            return names + lines
        for line in lines.splitlines(keepends=True):  # a line feed may stand within a cell
            self._quotes += line.count(b'"')
            if self._quotes % 2 == 0:
                self.rows += 1
                self.errors += not line.endswith(self._good)
        return names + lines
