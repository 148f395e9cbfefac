"""The shop's own dictionary: codes and titles that may leave, imported from a file the shop has written."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, cast, get_args

import asyncpg

from pii_vault.core.detect import find_personal_data
from pii_vault.gateway.errors import BrokenDictionary
from pii_vault.gateway.port import DictionaryKind

COLUMNS: Final = ("kind", "code", "title")
MAX_ROWS: Final = 200_000
MAX_TITLE: Final = 200
CODES: Final[dict[DictionaryKind, re.Pattern[str]]] = {
    "goods": re.compile(r"[1-9][0-9]{0,9}", re.ASCII),
    "sku": re.compile(r"[^\s](?:.{0,62}[^\s])?"),
    "payment": re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}", re.ASCII),
    "delivery": re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}", re.ASCII),
    "status": re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII),
}

UPSERT: Final = """
INSERT INTO gateway_dictionary AS d (connection_key, kind, code, title)
SELECT $1, k, c, t FROM unnest($2::text[], $3::text[], $4::text[]) AS r(k, c, t)
ON CONFLICT (connection_key, kind, code) DO UPDATE SET title = excluded.title
"""


@dataclass(frozen=True, slots=True)
class Entry:
    kind: DictionaryKind
    code: str
    title: str


def parse_dictionary(text: str) -> list[Entry]:
    """Entries of a CSV file with a header. All of it is right, or none is taken.

    Raises:
        BrokenDictionary: names the row and what is wrong with it; personal data in a title or code is wrong.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise BrokenDictionary(f"the first row must be {','.join(COLUMNS)}")
        entries = {(entry.kind, entry.code): entry for entry in _entries(reader)}
    except csv.Error as error:
        raise BrokenDictionary(f"row {reader.line_num}: this is not CSV") from error
    return list(entries.values())


def _entries(reader: "csv.DictReader[str]") -> Iterator[Entry]:
    for number, row in enumerate(reader, start=2):
        if number > MAX_ROWS:
            raise BrokenDictionary(f"more than {MAX_ROWS:,} rows; split the file")
        if None in row or None in row.values():
            raise BrokenDictionary(f"row {number}: three columns are expected")
        kind, code, title = (row[column].strip() for column in COLUMNS)
        if kind not in get_args(DictionaryKind):
            raise BrokenDictionary(f"row {number}: kind must be one of {', '.join(get_args(DictionaryKind))}")
        known = cast("DictionaryKind", kind)
        if not CODES[known].fullmatch(code) or not code.isprintable():
            raise BrokenDictionary(f"row {number}: this is no code of kind {kind}")
        if not 0 < len(title) <= MAX_TITLE or not title.isprintable():
            raise BrokenDictionary(f"row {number}: a title has 1 to {MAX_TITLE} printable characters")
        if find_personal_data(title) or find_personal_data(code):
            raise BrokenDictionary(f"row {number}: personal data in a title or code would leave in clear")
        yield Entry(known, code, title)


async def import_entries(pool: asyncpg.Pool, *, connection_key: int, entries: list[Entry]) -> None:
    """Adds entries to a connection's dictionary; a known code gets the new title."""
    columns = [[getattr(entry, column) for entry in entries] for column in COLUMNS]
    await pool.execute(UPSERT, connection_key, *columns)
