"""How far a database is: the mark of the last change of what may be released, and the size of the audit log.

Every transaction that changes what may be released of anybody (a block, an erasure, a consent, a correction, a trim)
draws a new mark (migration 0012). Two databases with one mark hold the same such changes, whatever else one of them
lacks. The log's size orders all acts: an act and its record commit together, and the log's head is locked last, so a
standby whose log has n records has replayed every act up to the n-th.
"""

from typing import Any, Final, NamedTuple

FETCH_FENCE: Final = "SELECT f.mark, h.size FROM replica_fence AS f CROSS JOIN audit_head AS h"


class Fence(NamedTuple):
    """`mark`: 16 random bytes. `size`: records of the audit log."""

    mark: bytes
    size: int


def read_fence(rows: list[Any]) -> Fence:
    """Of the one row of FETCH_FENCE."""
    (row,) = rows
    return Fence(row[0], row[1])


def behind_mark(statement: str, parameter: int) -> str:
    """The statement, which must end with its WHERE clause, giving rows only where the mark is `$parameter`.

    The rows and the mark are read in one snapshot, so a standby that learns of a change meanwhile gives both or none.
    """
    return f"{statement} AND (SELECT mark FROM replica_fence) = ${parameter}"  # noqa: S608  constants only
