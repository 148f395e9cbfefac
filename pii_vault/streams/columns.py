"""What the columns of a file are. A column that is not named is dropped: it never passes by oversight."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from pii_vault.streams.errors import BadColumns

KEEP: Final = "keep"
SUBJECT: Final = "subject"
MAX_COLUMNS: Final = 100
RESERVED: Final = frozenset(("row", "subject", "error"))


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """`values`: column → class of what is taken out (or, on the way back, put in). `kept`: columns that pass as
    they are. `subject`: the column with the id of a known subject; without one each row is a new subject.
    """

    values: dict[str, str]
    kept: tuple[str, ...] = ()
    subject: str | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """All columns that the list has a use for."""
        return (*self.values, *self.kept, *((self.subject,) if self.subject else ()))

    def check_header(self, header: Sequence[str]) -> None:
        """Raises BadColumns when a named column is not there, or is there twice."""
        for place, name in enumerate(self.named, start=1):
            if header.count(name) != 1:
                raise BadColumns(f"Column {place} of your list is not in the file's first line, or is there twice.")


def parse_columns(text: str, *, is_class: Callable[[str], bool]) -> ColumnMap:
    """`phone:phone,ФИО:name,Город:keep`, each name percent-encoded where it holds a comma or a colon.

    Raises BadColumns.
    """
    values: dict[str, str] = {}
    kept: list[str] = []
    subject: str | None = None
    parts = [part for part in text.split(",") if part]
    if not parts or len(parts) > MAX_COLUMNS:
        raise BadColumns
    for place, part in enumerate(parts, start=1):
        encoded, _, use = part.rpartition(":")
        name = unquote(encoded)
        if not name or name in values or name in kept or name == subject:
            raise BadColumns(f"Column {place} of your list has no name, or the name of another.")
        if name in RESERVED and use != SUBJECT:
            raise BadColumns(f"Column {place} of your list: `row`, `subject` and `error` are columns of the answer.")
        if use == KEEP:
            kept.append(name)
        elif use == SUBJECT and subject is None:
            subject = name
        elif is_class(use):
            values[name] = use
        else:
            raise BadColumns(f"Column {place} of your list: neither a class nor `keep` nor `subject`.")
    if not values:
        raise BadColumns("No column of your list has a class: there is nothing to do.")
    return ColumnMap(values, tuple(kept), subject)
