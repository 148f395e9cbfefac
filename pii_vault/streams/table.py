"""A batch of rows by columns: a thousand rows are a few lists, not a thousand objects."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

INVALID_ROW: Final = "invalid_row"


@dataclass(slots=True)
class Table:
    """`columns`: name → a cell for each row, None where an answer leaves it out; an empty cell is no value.

    `first` is the number of the first row. `errors`: place of a row in this batch → what is wrong with it.
    """

    first: int
    size: int
    columns: dict[str, Sequence[str | None]] = field(repr=False)
    errors: dict[int, str] = field(default_factory=dict)

    def values(self, name: str) -> list[str]:
        """A column as it was read, blanks around its values taken off."""
        return [cell.strip() if cell else "" for cell in self.columns[name]]

    def note(self, row: int, column: str, code: str | None) -> None:
        """Names the column and the code, never the value."""
        before = self.errors.get(row)
        self.errors[row] = f"{before}; {column}: {code}" if before else f"{column}: {code}"

    def answer(self, columns: Mapping[str, Sequence[str | None]]) -> "Table":
        """The same rows with these columns and what is wrong with them so far."""
        return Table(self.first, self.size, dict(columns), dict(self.errors))


def nothing(first: int) -> Table:
    return Table(first, 0, {})


def column_of(size: int, places: Iterable[int], cells: Iterable[str | None]) -> list[str | None]:
    """A column with cells in some places."""
    found: list[str | None] = [None] * size
    for place, cell in zip(places, cells, strict=True):
        found[place] = cell
    return found
