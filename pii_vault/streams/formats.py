"""Rows as NDJSON and as CSV (RFC 4180, UTF-8, a header line), read and written by whole batches.

What is odd in a batch (a broken line, a quote) is looked at line by line; the rest never is.
"""

import csv
import io
from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgspec

from pii_vault.streams.columns import ColumnMap
from pii_vault.streams.errors import BadFormat
from pii_vault.streams.records import Line, separator_of
from pii_vault.streams.table import INVALID_ROW, Table, nothing

ERROR: Final = "error"
_ODD: Final = '"\r\n'  # what a cell is quoted for, besides the separator

_encode = msgspec.json.Encoder()


class Format(Protocol):
    media_type: str
    quoted: bool  # whether a line feed may stand within a record

    def read(self, lines: Sequence[Line], first: int) -> Table:
        """A row for each line, with the columns that the map names; `first` is the number of the first row.

        Raises BadColumns when the header does not have the columns that were named, BadFormat when it is no UTF-8.
        """

    def write(self, rows: Table) -> bytes: ...

    def end(self, summary: dict[str, object]) -> bytes:
        """What stands after the last row."""


class NdJson:
    """One object per line. Numbers are read as they are written; what is null or absent is empty.

    `columns` names what is read: of other fields nothing is kept. `written` is what an answer may have, in order.
    """

    media_type = "application/x-ndjson"
    quoted = False

    def __init__(self, columns: ColumnMap | None = None, *, written: Sequence[str] = ()) -> None:
        self._names = list(columns.named) if columns else []
        self._fields = _fields(self._names)
        scalar = str | int | float | bool | None
        read = [(field, scalar, None) for field in self._fields]
        names = dict(zip(self._fields, self._names, strict=True))
        self._object = msgspec.json.Decoder(msgspec.defstruct("Object", read, rename=names, gc=False))
        self._written = list(written)
        spelled = [*self._written, ERROR]
        fields: list[Any] = [("row", int), *((field, str | None, None) for field in _fields(spelled))]
        names = dict(zip(_fields(spelled), spelled, strict=True))
        self._row = msgspec.defstruct("Row", fields, rename=names, omit_defaults=True, gc=False)

    def read(self, lines: Sequence[Line], first: int) -> Table:
        found: list[Any]
        try:
            # Each for itself: read together, two on one line could stand for one that is broken.
            found = list(map(self._object.decode, lines))  # type: ignore[arg-type]  # a None is a TypeError
        except (TypeError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            found = [self._read(line) for line in lines]
        errors = {place: INVALID_ROW for place, each in enumerate(found) if each is None}
        columns: dict[str, Sequence[str | None]] = {}
        for name, field in zip(self._names, self._fields, strict=True):
            cells = [getattr(each, field, None) for each in found]
            columns[name] = [cell if isinstance(cell, str) else _text(cell) for cell in cells]
        return _without(Table(first, len(found), columns, errors))

    def _read(self, line: Line) -> Any:
        try:
            return None if line is None else self._object.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def write(self, rows: Table) -> bytes:
        absent = [None] * rows.size
        columns = [rows.columns.get(name, absent) for name in self._written]
        errors = [rows.errors.get(place) for place in range(rows.size)] if rows.errors else absent
        return _encode.encode_lines(list(map(self._row, range(rows.first, rows.first + rows.size), *columns, errors)))

    def end(self, summary: dict[str, object]) -> bytes:
        return _encode.encode(summary) + b"\n"


class Csv:
    """`columns` names what is read and written; the separator is the one of the header: comma, semicolon or tab."""

    media_type = "text/csv; charset=utf-8"
    quoted = True

    def __init__(self, columns: ColumnMap, *, added: Sequence[str] = ()) -> None:
        """`added`: columns that the answer has besides."""
        self._columns = columns
        self._header: list[str] | None = None
        self._delimiter = ","
        self._written = [*columns.values, *columns.kept, *added]
        self._begun = False

    def read(self, lines: Sequence[Line], first: int) -> Table:
        if self._header is None and lines:
            self._read_header(lines[0])
            lines = lines[1:]
        header = self._header or []
        if not lines:
            return nothing(first)
        rows, errors = self._cells(lines), {}
        if set(map(len, rows)) != {len(header)}:
            errors = {place: INVALID_ROW for place, row in enumerate(rows) if len(row) != len(header)}
            blank = [""] * len(header)
            rows = [blank if place in errors else row for place, row in enumerate(rows)]
        columns = dict(zip(header, zip(*rows, strict=True), strict=True))
        return _without(Table(first, len(rows), {name: columns[name] for name in self._columns.named}, errors))

    def _read_header(self, line: Line) -> None:
        text = "" if line is None else _decoded(line)
        if text is None:
            raise BadFormat("The file is not in UTF-8: save it as CSV in UTF-8.")
        self._delimiter = separator_of(text)
        header = next(csv.reader([text], delimiter=self._delimiter), [])
        self._columns.check_header(header)
        self._header = header

    def _cells(self, lines: Sequence[Line]) -> list[list[str]]:
        """Rows of cells; none where a line is no row."""
        try:
            texts = [line.decode() for line in lines]  # type: ignore[union-attr]  # a None is an AttributeError
            rows = list(csv.reader(texts, delimiter=self._delimiter, strict=True))
        except (AttributeError, UnicodeDecodeError, csv.Error):
            rows = []
        return rows if len(rows) == len(lines) else [self._row(line) for line in lines]

    def _row(self, line: Line) -> list[str]:
        text = _decoded(line) if line is not None else None
        if text is None:
            return []
        try:
            (cells,) = csv.reader([text], delimiter=self._delimiter, strict=True)
        except (csv.Error, ValueError):
            return []
        return cells

    def write(self, rows: Table) -> bytes:
        blank = [""] * rows.size
        columns = [_blanked(rows.columns.get(name, blank)) for name in self._written]
        columns.append([rows.errors.get(place, "") for place in range(rows.size)] if rows.errors else blank)
        head = b"" if self._begun else self._quoted([[*self._written, ERROR]])
        self._begun = True
        texts = ["".join(column) for column in columns]
        if any(odd in text for text in texts for odd in (self._delimiter, *_ODD)):
            return head + self._quoted(zip(*columns, strict=True))
        lines = [*map(self._delimiter.join, zip(*columns, strict=True)), ""]
        return head + "\r\n".join(lines).encode()

    def _quoted(self, rows: Any) -> bytes:
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=self._delimiter, lineterminator="\r\n").writerows(rows)
        return out.getvalue().encode()

    def end(self, summary: dict[str, object]) -> bytes:  # noqa: ARG002  a table has no place for it
        return b"" if self._begun else self.write(nothing(1))


def _fields(names: Sequence[str]) -> list[str]:
    """Fields of a struct for columns: numbered, as a column may have any name."""
    return [f"c{at}" for at in range(len(names))]


def _without(rows: Table) -> Table:
    """A row that is none has no cells."""
    if rows.errors:
        for name, cells in rows.columns.items():
            rows.columns[name] = [None if place in rows.errors else cell for place, cell in enumerate(cells)]
    return rows


def _text(value: float | None) -> str:
    return "" if value is None else str(value)


def _blanked(cells: Sequence[str | None]) -> Sequence[str]:
    return cells if None not in cells else ["" if cell is None else cell for cell in cells]  # type: ignore[return-value]


def _decoded(line: bytes) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None
