"""One batch of a stream: its rows through the same operations as every other request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from pii_vault.access.principal import Principal
from pii_vault.operations.items import TokeniseItem, TokeniseResult
from pii_vault.operations.reveal import reveal
from pii_vault.operations.tokenise import tokenise
from pii_vault.streams.columns import ColumnMap
from pii_vault.streams.formats import ERROR, Row
from pii_vault.streams.lines import Line
from pii_vault.streams.pipeline import patiently
from pii_vault.vault import Vault, new_request_id

Out = dict[str, str | int | None]
INVALID_ROW = "invalid_row"
_item = msgspec.json.Decoder(TokeniseItem)


@dataclass(slots=True)
class Job:
    """What all batches of one stream share. `rows` and `errors` grow as batches are done."""

    vault: Vault
    principal: Principal
    purpose: str = ""
    key: str | None = None  # a repeated stream under the same key gives the same tokens for 24 hours
    rows: int = 0
    errors: int = 0
    deterministic: frozenset[str] = field(default_factory=frozenset)  # classes
    registered: frozenset[str] | None = None  # purposes the caller is registered for; None for all

    async def tokenised(self, number: int, items: Sequence[TokeniseItem]) -> list[TokeniseResult]:
        """Raises what tokenise raises, after some patience."""
        if not items:
            return []
        key = None if self.key is None else f"{self.key}.{number}"
        return await patiently(
            lambda: tokenise(
                self.vault,
                self.principal,
                items,
                request_id=new_request_id(),
                idempotency_key=key,
                purposes=self.registered,
            )
        )

    def told(self, rows: Sequence[Out]) -> Sequence[Out]:
        self.rows += len(rows)
        self.errors += sum(1 for row in rows if row.get(ERROR))
        return rows


async def tokenise_items(job: Job, number: int, first: int, lines: Sequence[Line]) -> Sequence[Out]:
    """Lines like the items of /v1/tokenise, without labels: one may stand in another batch than its fellow."""
    items: list[TokeniseItem] = []
    out: list[Out] = []
    for at, line in enumerate(lines, start=first):
        try:
            item = _item.decode(line) if line is not None else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            item = None
        if item is None or (item.subject or "")[:1] == "@":
            out.append({"row": at, ERROR: INVALID_ROW})
        elif item.class_id not in job.vault.classes:
            out.append({"row": at, ERROR: "unknown_class"})
        else:
            out.append({"row": at})
            items.append(item)
    good = [row for row in out if ERROR not in row]
    for row, result in zip(good, await job.tokenised(number, items), strict=True):
        if result.token is None:
            row[ERROR] = result.error
        else:
            row["token"], row["subject"] = result.token, result.subject
    return job.told(out)


async def tokenise_rows(
    job: Job, columns: ColumnMap, number: int, first: int, rows: Sequence[Row | None]
) -> Sequence[Out]:
    """Rows with tokens in the place of values. A row's values belong to one subject."""
    items: list[TokeniseItem] = []
    places: list[tuple[int, str]] = []
    out: list[Out] = []
    for at, row in enumerate(rows):
        if row is None:
            out.append({"row": first + at, ERROR: INVALID_ROW})
            continue
        made: Out = {"row": first + at} | {name: row.get(name, "") for name in columns.kept}
        subject = row.get(columns.subject, "") if columns.subject else f"@{at}"
        if not subject or (columns.subject and subject[:1] == "@"):
            made[ERROR] = f"{columns.subject}: unknown_subject"
        else:
            for name, class_id in columns.values.items():
                value = row.get(name, "").strip()
                if value:
                    kind = "deterministic" if class_id in job.deterministic else "random"
                    items.append(TokeniseItem(class_id, value, subject, kind))  # type: ignore[arg-type]
                    places.append((at, name))
        out.append(made)
    for (at, name), result in zip(places, await job.tokenised(number, items), strict=True):
        row_out = out[at]
        if result.token is not None:
            row_out[name] = result.token
            row_out["subject"] = result.subject
        else:
            _note(row_out, name, result.error)
    return job.told(out)


async def reveal_rows(job: Job, columns: ColumnMap, first: int, rows: Sequence[Row | None]) -> Sequence[Out]:
    """Rows with values in the place of tokens; a mask stands where no more is allowed, and `error` says so."""
    places: list[tuple[int, str]] = []
    tokens: list[str] = []
    out: list[Out] = []
    for at, row in enumerate(rows):
        if row is None:
            out.append({"row": first + at, ERROR: INVALID_ROW})
            continue
        out.append({"row": first + at} | {name: row.get(name, "") for name in columns.kept})
        for name in columns.values:
            if token := row.get(name, ""):
                places.append((at, name))
                tokens.append(token)
    results = []
    if tokens:
        results = await patiently(
            lambda: reveal(job.vault, job.principal, purpose=job.purpose, tokens=tokens, request_id=new_request_id())
        )
    for (at, name), result in zip(places, results, strict=True):
        if result.value is not None:
            out[at][name] = result.value
        else:
            out[at][name] = result.mask
            _note(out[at], name, "mask" if result.mask is not None else result.error)
    return job.told(out)


def _note(row: Out, column: str, code: str | None) -> None:
    """Names the column and the code, never the value."""
    before = row.get(ERROR)
    row[ERROR] = f"{before}; {column}: {code}" if before else f"{column}: {code}"


def rows_per_batch(columns: Mapping[str, str], most: int) -> int:
    """So that no batch has more than `most` items."""
    return max(1, most // len(columns))
