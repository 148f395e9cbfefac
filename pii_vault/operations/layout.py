"""Cells of a table in a row, and back: which of them get a token, and what belongs to each. Pure."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TypeVar

T = TypeVar("T")
Cell = tuple[int, int]  # row, column


class Layout:
    """Which cells get a token, row after row: what belongs to one person is stored side by side."""

    def __init__(self, columns: Sequence[Sequence[str]], errors: Mapping[Cell, str]) -> None:
        self._size, self._width = len(columns[0]), len(columns)
        self._cells: list[Cell] | None = None  # all of them
        self.rows: Sequence[int] = range(self._size)
        if errors or not all(map(all, columns)):
            places = range(self._width)
            cells = [(row, at) for row in self.rows for at in places if columns[at][row] and (row, at) not in errors]
            self._cells, self.rows = cells, list(dict.fromkeys(row for row, _ in cells))

    def flat(self, columns: Sequence[Sequence[T]]) -> list[T]:
        """The cells of these columns, in order."""
        if self._cells is None:
            return list(chain.from_iterable(zip(*columns, strict=True)))
        return [columns[at][row] for row, at in self._cells]

    def of_rows(self, each: Sequence[T]) -> list[T]:
        """For every cell what belongs to its row; `each` goes with `rows`."""
        if self._cells is None:
            return [one for one in each for _ in range(self._width)] if self._width > 1 else list(each)
        by_row = dict(zip(self.rows, each, strict=True))
        return [by_row[row] for row, _ in self._cells]

    def of_columns(self, each: Sequence[T]) -> list[T]:
        """For every cell what belongs to its column."""
        return list(each) * self._size if self._cells is None else [each[at] for _, at in self._cells]

    def columns(self, flat: Sequence[T]) -> list[tuple[Sequence[int], Sequence[T]]]:
        """What is flat by columns again: rows, and what goes with them."""
        if self._cells is None:
            return [(self.rows, flat[at :: self._width]) for at in range(self._width)]
        found: list[tuple[list[int], list[T]]] = [([], []) for _ in range(self._width)]
        for (row, at), one in zip(self._cells, flat, strict=True):
            found[at][0].append(row)
            found[at][1].append(one)
        return list(found)

    def spread(self, rows: Sequence[int], texts: Sequence[str]) -> list[str | None]:
        """A column with texts in some rows."""
        if len(rows) == self._size:
            return list(texts)
        column: list[str | None] = [None] * self._size
        for row, text in zip(rows, texts, strict=True):
            column[row] = text
        return column
