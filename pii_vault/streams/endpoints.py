"""POST /v1/tokenise:stream and /v1/reveal:stream: files of millions of rows, in constant memory.

The answer begins while the request is still being sent: a client must read and write at the same time, as curl,
`larets rows` and pii_vault.streams.client do. What is wrong with the whole request (columns, purpose, rights) is an
ordinary problem; what is wrong with a row stands in the row's `error`; what stops a stream in its middle is its
last line `{"stopped": code, "rows": done}`, and a CSV answer is broken off there. A stream that was finished ends
with `{"done": …}` (NDJSON).
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Header, Request, Response

from pii_vault.api.auth import Authenticator, Caller
from pii_vault.api.schemas import MAX_ITEMS
from pii_vault.errors import Forbidden, UnknownPurpose, VaultError
from pii_vault.operations.access import refuse
from pii_vault.streams.columns import ColumnMap, parse_columns
from pii_vault.streams.duplex import DuplexResponse
from pii_vault.streams.errors import BadColumns, BadFormat
from pii_vault.streams.formats import Csv, Format, NdJson, Row
from pii_vault.streams.lines import Line, Lines
from pii_vault.streams.pipeline import batches, in_order
from pii_vault.streams.work import Job, Out, reveal_rows, rows_per_batch, tokenise_items, tokenise_rows
from pii_vault.vault import Vault, new_request_id

Columns = str | None
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
        idempotency_key: Annotated[str | None, Header()] = None,
    ) -> Response:
        """Rows with values → the same rows with tokens; NDJSON without `columns` has lines as /v1/tokenise's items."""
        caller = await _admitted(vault, authenticator, request, "tokenise", "")
        classes = frozenset(filter(None, deterministic.split(",")))
        if not all(class_id in vault.classes and vault.classes.get(class_id).indexed for class_id in classes):
            raise BadColumns("deterministic: name classes that have an index.")
        job = Job(vault, caller.principal, key=idempotency_key, deterministic=classes, registered=caller.purposes)
        if columns is None:
            if _kind(request) != _NDJSON:
                raise BadColumns
            lines = _NumberedLines(request.stream())
            return await _answer(job, NdJson(), in_order(lines.read(), _items_work(job)))
        found = parse_columns(columns, is_class=vault.classes.__contains__)
        form = _format(request, found, added=("subject",))
        rows = _numbered_rows(form, request.stream(), rows_per_batch(found.values, MAX_ITEMS))

        async def work(number: int, batch: tuple[int, Sequence[Row | None]]) -> Sequence[Out]:
            return await tokenise_rows(job, found, number, *batch)

        return await _answer(job, form, in_order(rows, work))

    @router.post("/v1/reveal:stream")
    async def reveal_stream(
        request: Request,
        purpose: str = "",
        columns: str = "token:value",
    ) -> Response:
        """Rows with tokens → the same rows with values; `columns` says `value` for each column of tokens."""
        caller = await _admitted(vault, authenticator, request, "reveal", purpose)
        if purpose not in vault.purposes:
            raise UnknownPurpose
        found = parse_columns(columns, is_class="value".__eq__)
        job = Job(vault, caller.principal, purpose=purpose)
        form = _format(request, found, added=())
        rows = _numbered_rows(form, request.stream(), rows_per_batch(found.values, MAX_ITEMS))

        async def work(_number: int, batch: tuple[int, Sequence[Row | None]]) -> Sequence[Out]:
            return await reveal_rows(job, found, *batch)

        return await _answer(job, form, in_order(rows, work))

    return router


async def _admitted(vault: Vault, authenticator: Authenticator, request: Request, verb: str, purpose: str) -> Caller:
    caller = await authenticator.caller(request.scope)
    registered = caller.purposes is None or purpose == "" or purpose not in vault.purposes or purpose in caller.purposes
    if caller.principal.contour != "private" or not registered:
        error = Forbidden("This program is not registered for this purpose. Ask the operator of the vault.")
        request_id = new_request_id()
        await refuse(vault, caller.principal, error, verb=verb, purpose=purpose, request_id=request_id)
    return caller


def _kind(request: Request) -> str:
    kind, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    charset = parameters.replace(" ", "").replace('"', "").partition("charset=")[2]
    if kind.strip() not in (_CSV, _NDJSON) or charset not in ("", "utf-8", "utf8"):
        raise BadFormat
    return kind.strip()


def _format(request: Request, columns: ColumnMap, *, added: Sequence[str]) -> Format:
    return Csv(columns, added=added) if _kind(request) == _CSV else NdJson()


class _NumberedLines:
    """Batches of lines with the number of their first."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    async def read(self) -> AsyncIterator[tuple[int, Sequence[Line]]]:
        first = 1
        async for batch in batches(self._pieces, Lines(), rows=MAX_ITEMS):
            yield first, batch
            first += len(batch)


def _items_work(job: Job) -> Callable[[int, tuple[int, Sequence[Line]]], Awaitable[Sequence[Out]]]:
    async def work(number: int, batch: tuple[int, Sequence[Line]]) -> Sequence[Out]:
        return await tokenise_items(job, number, *batch)

    return work


async def _numbered_rows(
    form: Format, pieces: AsyncIterator[bytes], most: int
) -> AsyncIterator[tuple[int, Sequence[Row | None]]]:
    """Batches of rows with the number of their first; read here, in order, as the header comes first."""
    first = 1
    async for batch in batches(pieces, Lines(quoted=form.quoted), rows=most):
        rows = form.read(batch)
        if rows:
            yield first, rows
            first += len(rows)


async def _answer(job: Job, form: Format, results: AsyncIterator[Sequence[Out]]) -> Response:
    """The first batch is done before the answer begins, so that what is wrong with all of it is a problem."""
    nothing: Sequence[Out] = ()
    first = await anext(results, nothing)
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return DuplexResponse(_body(job, form, first, results), media_type=form.media_type, headers=headers)


async def _body(
    job: Job, form: Format, first: Sequence[Out], results: AsyncIterator[Sequence[Out]]
) -> AsyncGenerator[bytes, None]:
    yield form.write(first)
    try:
        async for rows in results:
            yield form.write(rows)
    except VaultError as error:
        if not isinstance(form, NdJson):
            raise
        yield form.end({"stopped": error.code, "rows": job.rows})
        return
    yield form.end({"done": {"rows": job.rows, "errors": job.errors}})
