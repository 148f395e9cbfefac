"""POST /v1/tokenise:stream and /v1/reveal:stream: files of millions of rows, in constant memory.

The answer begins while the request is still being sent: a client must read and write at the same time, as curl,
`larets rows` and pii_vault.streams.client do. What is wrong with the whole request (columns, purpose, rights) is an
ordinary problem; what is wrong with a row stands in the row's `error`; what stops a stream in its middle is its
last line `{"stopped": code, "rows": done}`, and a CSV answer is broken off there. A stream that was finished ends
with `{"done": …}` (NDJSON).
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Request, Response

from pii_vault.api.auth import Authenticator, admitted
from pii_vault.api.consistency import read_after
from pii_vault.api.schemas import MAX_ITEMS
from pii_vault.errors import UnknownPurpose, VaultError
from pii_vault.streams.columns import ColumnMap, parse_columns
from pii_vault.streams.duplex import DuplexResponse
from pii_vault.streams.errors import BadColumns, BadFormat
from pii_vault.streams.formats import Csv, Format, NdJson
from pii_vault.streams.lines import Lines
from pii_vault.streams.pipeline import batches, in_order
from pii_vault.streams.records import Line
from pii_vault.streams.table import Table, nothing
from pii_vault.streams.work import SUBJECT, Job, reveal_rows, rows_per_batch, tokenise_items, tokenise_rows
from pii_vault.vault import Vault

Columns = str | None
First = Annotated[int, Query(ge=1, le=10**12, description="number of the first row: a file may come in parts")]
_CSV: Final = "text/csv"
_NDJSON: Final = "application/x-ndjson"


def build_streams(vault: Vault, authenticator: Authenticator) -> APIRouter:
    """For programs of the private contour and holders of a token of audience `vault`."""
    router = APIRouter(tags=["streams"])

    @router.post("/v1/tokenise:stream")
    async def tokenise_stream(
        request: Request,
        columns: Columns = None,
        deterministic: str = "",
        first: First = 1,
        idempotency_key: Annotated[str | None, Header()] = None,
    ) -> Response:
        """Rows with values → the same rows with tokens; NDJSON without `columns` has lines as /v1/tokenise's items."""
        caller = await admitted(vault, authenticator, request.scope, verb="tokenise")
        classes = frozenset(filter(None, deterministic.split(",")))
        if not all(class_id in vault.classes and vault.classes.get(class_id).indexed for class_id in classes):
            raise BadColumns("deterministic: name classes that have an index.")
        job = Job(vault, caller.principal, key=idempotency_key, deterministic=classes, registered=caller.purposes)
        if columns is None:
            if _kind(request) != _NDJSON:
                raise BadColumns
            lines = _NumberedLines(request.stream(), first)
            return await _answer(job, NdJson(written=("token", SUBJECT)), in_order(lines.read(), _items_work(job)))
        found = parse_columns(columns, is_class=vault.classes.__contains__)
        form = _format(request, found, added=(SUBJECT,))
        rows = _tables(form, request.stream(), rows_per_batch(found.values, MAX_ITEMS), first)

        async def work(number: int, batch: Table) -> Table:
            return await tokenise_rows(job, found, number, batch)

        return await _answer(job, form, in_order(rows, work))

    @router.post("/v1/reveal:stream")
    async def reveal_stream(
        request: Request,
        purpose: str = "",
        columns: str = "token:value",
        first: First = 1,
    ) -> Response:
        """Rows with tokens → the same rows with values; `columns` says `value` for each column of tokens."""
        caller = await admitted(vault, authenticator, request.scope, verb="reveal", purpose=purpose)
        read_after(request.headers.raw)
        if purpose not in vault.purposes:
            raise UnknownPurpose
        found = parse_columns(columns, is_class="value".__eq__)
        job = Job(vault, caller.principal, purpose=purpose)
        form = _format(request, found, added=())
        rows = _tables(form, request.stream(), rows_per_batch(found.values, MAX_ITEMS), first)

        async def work(_number: int, batch: Table) -> Table:
            return await reveal_rows(job, found, batch)

        return await _answer(job, form, in_order(rows, work))

    return router


def _kind(request: Request) -> str:
    kind, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    charset = parameters.replace(" ", "").replace('"', "").partition("charset=")[2]
    if kind.strip() not in (_CSV, _NDJSON) or charset not in ("", "utf-8", "utf8"):
        raise BadFormat
    return kind.strip()


def _format(request: Request, columns: ColumnMap, *, added: Sequence[str]) -> Format:
    if _kind(request) == _CSV:
        return Csv(columns, added=added)
    return NdJson(columns, written=(*columns.kept, *columns.values, *added))


class _NumberedLines:
    """Batches of lines with the number of their first."""

    def __init__(self, pieces: AsyncIterator[bytes], first: int) -> None:
        self._pieces = pieces
        self._first = first

    async def read(self) -> AsyncIterator[tuple[int, Sequence[Line]]]:
        first = self._first
        async for batch in batches(self._pieces, Lines(), rows=MAX_ITEMS):
            yield first, batch
            first += len(batch)


def _items_work(job: Job) -> Callable[[int, tuple[int, Sequence[Line]]], Awaitable[Table]]:
    async def work(number: int, batch: tuple[int, Sequence[Line]]) -> Table:
        return await tokenise_items(job, number, *batch)

    return work


async def _tables(form: Format, pieces: AsyncIterator[bytes], most: int, first: int) -> AsyncIterator[Table]:
    """Batches of rows; read here, in order, as the header comes first."""
    async for batch in batches(pieces, Lines(quoted=form.quoted), rows=most):
        rows = form.read(batch, first)
        if rows.size:
            yield rows
            first += rows.size


async def _answer(job: Job, form: Format, results: AsyncIterator[Table]) -> Response:
    """The first batch is done before the answer begins, so that what is wrong with all of it is a problem."""
    first = await anext(results, nothing(1))
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return DuplexResponse(_body(job, form, first, results), media_type=form.media_type, headers=headers)


async def _body(job: Job, form: Format, first: Table, results: AsyncIterator[Table]) -> AsyncGenerator[bytes, None]:
    yield form.write(job.told(first))
    try:
        async for rows in results:
            yield form.write(job.told(rows))
    except VaultError as error:
        if not isinstance(form, NdJson):
            raise
        yield form.end({"stopped": error.code, "rows": job.rows})
        return
    yield form.end({"done": {"rows": job.rows, "errors": job.errors}})
