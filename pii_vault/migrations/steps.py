"""Steps that most migrations take. They only spell statements, so an old migration means today what it meant then."""

from collections.abc import Mapping

from alembic import op


def create(tables: str) -> None:
    """Statements, each ended by a semicolon at the end of its line. The driver prepares one at a time."""
    for statement in filter(str.strip, tables.split(";\n")):
        op.execute(statement)


def comment(comments: Mapping[str, str]) -> None:
    """`table.column` → what it means for security."""
    for column, text in comments.items():
        quoted = text.replace("'", "''")
        op.execute(f"COMMENT ON COLUMN {column} IS '{quoted}'")


def grant(grants: Mapping[str, str], *, to: str) -> None:
    """Table → what the role may do with it."""
    for table, rights in grants.items():
        op.execute(f"GRANT {rights} ON {table} TO {to}")
