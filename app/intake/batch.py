"""The new rows of an event, written by one statement: a round trip for each table would be most of what an order costs.

Foreign keys are checked when the statement ends, so the tables need no order among themselves.
"""

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import TextClause, TypeDecorator, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Base

_TABLES: Final = Base.metadata.tables
_DIALECT: Final = postgresql.dialect()  # type: ignore[no-untyped-call]
Row = dict[str, Any]


class Batch:
    """Rows by table. The rows of one table have the same columns."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Row]] = {}
        self._after: list[Callable[[], Awaitable[None]]] = []

    def add(self, table: str, *rows: Row) -> None:
        """The columns' own types see each value: a token column refuses here what it refuses anywhere."""
        for name, bind in _binders(table):
            for row in rows:
                bind(row.get(name))
        if rows:
            self._rows.setdefault(table, []).extend(rows)

    def after(self, act: Callable[[], Awaitable[None]]) -> None:
        """What must find the new rows written: a change of an old row that names one of them."""
        self._after.append(act)

    async def write(self, session: AsyncSession) -> None:
        if self._rows:
            statement = _statement(tuple((table, tuple(rows[0])) for table, rows in self._rows.items()))
            await session.execute(statement, {table: _json(rows) for table, rows in self._rows.items()})
        for act in self._after:
            await act()


def _json(rows: Sequence[Row]) -> str:
    return msgspec.json.encode(rows).decode()


@functools.cache
def _binders(table: str) -> list[tuple[str, Callable[[Any], Any]]]:
    """The project's own column types of a table, as functions that raise at a value they do not hold."""
    own = [column for column in _TABLES[table].columns if isinstance(column.type, TypeDecorator)]
    found = [(column.name, column.type.bind_processor(_DIALECT)) for column in own]
    return [(name, bind) for name, bind in found if bind is not None]


@functools.cache
def _statement(shape: tuple[tuple[str, tuple[str, ...]], ...]) -> TextClause:
    """Built once per set of tables and columns. The names are the code's own, never the sender's."""
    *first, last = (_insert(table, columns) for table, columns in shape)
    named = ", ".join(f"part{number} AS ({insert})" for number, insert in enumerate(first))
    return text(f"WITH {named} {last}" if first else last)


def _insert(table: str, columns: tuple[str, ...]) -> str:
    names = ", ".join(columns)
    return (
        f"INSERT INTO {table} ({names}) SELECT {names} "  # noqa: S608  see above
        f"FROM jsonb_populate_recordset(CAST(NULL AS {table}), CAST(:{table} AS jsonb))"
    )
