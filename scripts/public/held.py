"""`larets held`: what the public database holds of one order, and whether anything of it reads like a person."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, LiteralString

import psycopg
import typer
from psycopg.rows import dict_row

from pii_vault.client import find_personal_data
from scripts.public.place import here
from scripts.voice import emit, fail, result

cli = typer.Typer()

TOKEN: Final = "tok_"  # noqa: S105  how a token begins
_BIND: Final = "SELECT set_config('larets.tenant', %s, false)"
_NAMED: Final = "SELECT id FROM orders WHERE %(order)s IN (id, number) ORDER BY id"
_PARTS: Final[dict[str, LiteralString]] = {
    "orders": "SELECT * FROM orders WHERE id = %(order)s",
    "order_item": "SELECT * FROM order_item WHERE order_id = %(order)s ORDER BY position",
    "order_token": "SELECT * FROM order_token WHERE order_id = %(order)s ORDER BY token",
    "contact_token": (
        "SELECT t.* FROM contact_token t JOIN orders o ON t.contact_id IN (o.contact_id, o.recipient_id) "
        "WHERE o.id = %(order)s ORDER BY t.token"
    ),
}


@dataclass(frozen=True, slots=True)
class Held:
    """`tokens` of the order; `clear` are columns whose text reads like personal data, by name alone."""

    order: str
    rows: int
    tokens: tuple[str, ...]
    clear: tuple[str, ...]


@cli.command()
def held(
    order: Annotated[str, typer.Argument(help="ord_…, or its number in the shop")],
    *,
    tenant: Annotated[str, typer.Option("--tenant", "-t", help="the shop")],
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """The order's tokens as the database has them, read past the service. Exit code 1 when a person shows through."""
    found = read(here().database_url, order, tenant=tenant)
    if as_json:
        emit({"order": found.order, "rows": found.rows, "tokens": found.tokens, "clear": found.clear})
    else:
        result(f"{found.order}: {found.rows} rows, {len(found.tokens)} tokens")
        for column in found.clear:
            result(f"  READS LIKE A PERSON  {column}")
    raise typer.Exit(1 if found.clear else 0)


def read(url: str, order: str, *, tenant: str) -> Held:
    """Ends the command where the shop has no such order, or several of this number."""
    with psycopg.connect(url, row_factory=dict_row, connect_timeout=5) as connection:
        connection.execute(_BIND, (tenant,))
        named = [row["id"] for row in connection.execute(_NAMED, {"order": order})]
        if not named:
            fail("the public contour has no such order of this shop", hint="is the link open? `larets shop deliveries`")
        if len(named) > 1:
            fail("several orders of this shop have this number", hint=f"name one by its id: {', '.join(named)}")
        found = {"order": named[0]}
        parts = {name: connection.execute(query, found).fetchall() for name, query in _PARTS.items()}
    return judged(named[0], parts)


def judged(order: str, parts: Mapping[str, list[dict[str, Any]]]) -> Held:
    """Pure: rows by table to what they hold."""
    texts = [
        (f"{table}.{column}", text) for table, rows in parts.items() for row in rows for column, text in _texts(row)
    ]
    tokens = sorted({text for _, text in texts if text.startswith(TOKEN)})
    clear = sorted({where for where, text in texts if not text.startswith(TOKEN) and find_personal_data(text)})
    return Held(order, sum(map(len, parts.values())), tuple(tokens), tuple(clear))


def _texts(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for column, value in row.items():
        if isinstance(value, str):
            yield column, value
        elif isinstance(value, dict):
            yield from ((f"{column}.{inner}", text) for inner, text in _texts(value))
