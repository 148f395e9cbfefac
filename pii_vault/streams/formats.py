"""Rows as NDJSON and as CSV (RFC 4180, UTF-8, a header line). A row is a mapping of column names to texts."""

import csv
import io
from collections.abc import Sequence
from typing import Protocol

import msgspec

from pii_vault.streams.columns import ColumnMap
from pii_vault.streams.lines import Line

Row = dict[str, str]
ERROR = "error"

_object = msgspec.json.Decoder(dict[str, str | int | float | bool | None])
_encode = msgspec.json.Encoder().encode


class Format(Protocol):
    media_type: str
    quoted: bool  # whether a line feed may stand within a record

    def read(self, lines: Sequence[Line]) -> list[Row | None]:
        """A row for each line, None where there is none to be read.

        Raises BadColumns when the header does not have the columns that were named.
        """

    def write(self, rows: Sequence[dict[str, str | int | None]]) -> bytes: ...

    def end(self, summary: dict[str, object]) -> bytes:
        """What stands after the last row."""


class NdJson:
    """One object per line. Numbers are read as they are written; what is null or absent is empty."""

    media_type = "application/x-ndjson"
    quoted = False

    def read(self, lines: Sequence[Line]) -> list[Row | None]:
        return [self._row(line) for line in lines]

    @staticmethod
    def _row(line: Line) -> Row | None:
        if line is None:
            return None
        try:
            found = _object.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return {name: value if isinstance(value, str) else str(value) for name, value in found.items()
                if value is not None}  # fmt: skip

    def write(self, rows: Sequence[dict[str, str | int | None]]) -> bytes:
        return b"".join([_encode(row) + b"\n" for row in rows])

    def end(self, summary: dict[str, object]) -> bytes:
        return _encode(summary) + b"\n"


class Csv:
    """`columns` names what is read and written; the separator is the one of the header: comma, semicolon or tab."""

    media_type = "text/csv; charset=utf-8"
    quoted = True

    def __init__(self, columns: ColumnMap, *, added: Sequence[str] = ()) -> None:
        """`added`: columns that the answer has besides."""
        self._columns = columns
        self._header: list[str] | None = None
        self._delimiter = ","
        self._written = [*columns.values, *columns.kept, *added, ERROR]
        self._begun = False

    def read(self, lines: Sequence[Line]) -> list[Row | None]:
        if self._header is None and lines:
            self._read_header(lines[0])
            lines = lines[1:]
        return [self._row(line) for line in lines]

    def _read_header(self, line: Line) -> None:
        text = _text(line) or ""
        self._delimiter = max(",;\t", key=text.count)
        header = next(csv.reader([text], delimiter=self._delimiter), [])
        self._columns.check_header(header)
        self._header = header

    def _row(self, line: Line) -> Row | None:
        text = _text(line)
        if text is None:
            return None
        try:
            (cells,) = csv.reader([text], delimiter=self._delimiter, strict=True)
        except (csv.Error, ValueError):
            return None
        header = self._header or []
        return dict(zip(header, cells, strict=True)) if len(cells) == len(header) else None

    def write(self, rows: Sequence[dict[str, str | int | None]]) -> bytes:
        out = io.StringIO(newline="")
        writer = csv.writer(out, delimiter=self._delimiter, lineterminator="\r\n")
        if not self._begun:
            self._begun = True
            writer.writerow(self._written)
        writer.writerows([[row.get(name, "") for name in self._written] for row in rows])
        return out.getvalue().encode()

    def end(self, summary: dict[str, object]) -> bytes:  # noqa: ARG002  a table has no place for it
        return self.write([]) if not self._begun else b""


def _text(line: Line) -> str | None:
    try:
        return None if line is None else line.decode()
    except UnicodeDecodeError:
        return None
