"""One batch of a stream: its rows through the same operations as every other request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from pii_vault.access.principal import Principal
from pii_vault.operations.items import Kind, TokeniseItem, TokeniseResult
from pii_vault.operations.newcomers import tokenise_newcomers
from pii_vault.operations.reveal import reveal
from pii_vault.operations.tokenise import tokenise
from pii_vault.streams.columns import ColumnMap
from pii_vault.streams.metrics import ROWS
from pii_vault.streams.pipeline import patiently
from pii_vault.streams.records import Line
from pii_vault.streams.table import INVALID_ROW, Table, column_of
from pii_vault.vault import Vault, new_request_id

_item = msgspec.json.Decoder(TokeniseItem)
SUBJECT = "subject"
UNKNOWN_SUBJECT: Final = "unknown_subject"
_NOBODY: Final = frozenset((UNKNOWN_SUBJECT, "malformed_token"))  # what is wrong with an id, not with a value


@dataclass(slots=True)
class Job:
    """What all batches of one stream share. `rows` and `errors` grow as batches are answered."""

    vault: Vault
    principal: Principal
    purpose: str = ""
    key: str | None = None  # a repeated stream under the same key gives the same tokens for 24 hours
    rows: int = 0
    errors: int = 0
    deterministic: frozenset[str] = field(default_factory=frozenset)  # classes
    registered: frozenset[str] | None = None  # purposes the caller is registered for; None for all

    def key_of(self, number: int, turn: str = "") -> str | None:
        return None if self.key is None else f"{self.key}.{number}{turn}"

    async def tokenised(self, number: int, items: Sequence[TokeniseItem], turn: str = "") -> list[TokeniseResult]:
        """Raises what tokenise raises, after some patience. A batch that asks more than once names each `turn`."""
        if not items:
            return []
        return await patiently(
            lambda: tokenise(
                self.vault,
                self.principal,
                items,
                request_id=new_request_id(),
                idempotency_key=self.key_of(number, turn),
                purposes=self.registered,
            ),
            repeatable=self.key is not None,
        )

    def told(self, rows: Table) -> Table:
        """Counts a batch that is about to be answered: one that is done behind one that failed never is."""
        self.rows += rows.size
        self.errors += len(rows.errors)
        verb = "reveal" if self.purpose else "tokenise"
        ROWS.labels(verb, "done").inc(rows.size - len(rows.errors))
        ROWS.labels(verb, "error").inc(len(rows.errors))
        return rows


async def tokenise_items(job: Job, number: int, first: int, lines: Sequence[Line]) -> Table:
    """Lines like the items of /v1/tokenise, without labels: one may stand in another batch than its fellow."""
    items: list[TokeniseItem] = []
    places: list[int] = []
    errors: dict[int, str] = {}
    for place, item in enumerate(_items(lines)):
        if item is None or (item.subject or "")[:1] == "@":
            errors[place] = INVALID_ROW
        elif item.class_id not in job.vault.classes:
            errors[place] = "unknown_class"
        else:
            places.append(place)
            items.append(item)
    results = await job.tokenised(number, items)
    errors.update((place, each.error) for place, each in zip(places, results, strict=True) if each.error is not None)
    size = len(lines)
    tokens = column_of(size, places, [each.token for each in results])
    subjects = column_of(size, places, [each.subject for each in results])
    return Table(first, size, {"token": tokens, SUBJECT: subjects}, errors)


def _items(lines: Sequence[Line]) -> list[TokeniseItem | None]:
    try:
        return list(map(_item.decode, lines))  # type: ignore[arg-type]  # a None is a TypeError
    except (TypeError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [_decoded(line) for line in lines]


def _decoded(line: Line) -> TokeniseItem | None:
    try:
        return None if line is None else _item.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


async def tokenise_rows(job: Job, columns: ColumnMap, number: int, rows: Table) -> Table:
    """Rows with tokens in the place of values. A row's values belong to one subject."""
    if columns.subject is None and job.deterministic.isdisjoint(columns.values.values()):
        return await _newcomers(job, columns, number, rows)
    return await _known(job, columns, number, rows)


async def _newcomers(job: Job, columns: ColumnMap, number: int, rows: Table) -> Table:
    """Each row is a new person."""
    values = [rows.values(name) for name in columns.values]
    answer = rows.answer({name: rows.columns[name] for name in columns.kept})
    if not any(map(any, values)):
        return answer
    made = await patiently(
        lambda: tokenise_newcomers(
            job.vault,
            job.principal,
            list(columns.values.values()),
            values,
            request_id=new_request_id(),
            idempotency_key=job.key_of(number),
        ),
        repeatable=job.key is not None,
    )
    answer.columns |= dict(zip(columns.values, made.tokens, strict=True))
    answer.columns[SUBJECT] = made.subjects
    names = list(columns.values)
    for row, at in sorted(made.errors):
        answer.note(row, names[at], made.errors[row, at])
    return answer


async def _known(job: Job, columns: ColumnMap, number: int, rows: Table) -> Table:
    """A row's person is named by it, or found by a value of it.

    Without names the first value of a row that is deterministic says whose the row is: whoever has it already, or the
    person that it opens. The row's other values go to that person.
    """
    answer = rows.answer({name: rows.columns[name] for name in columns.kept})
    batch = _Known(job, number, columns, answer, _subjects(columns, rows, answer))
    for name in columns.values:
        batch.waiting[name] = ["" if row in answer.errors else value for row, value in enumerate(rows.values(name))]
    batch.cells = {name: [None] * rows.size for name in (*columns.values, SUBJECT)}
    if columns.subject is None:
        for turn, (name, class_id) in enumerate(columns.values.items()):
            if class_id in job.deterministic:
                await batch.take([name], anybodys=True, turn=f".{turn}")
    await batch.take(list(columns.values))
    answer.columns |= batch.cells
    return answer


@dataclass(slots=True)
class _Known:
    """A batch whose rows have persons. `subjects`: the id or label of each row's; `waiting`: values without a token."""

    job: Job
    number: int
    columns: ColumnMap
    answer: Table
    subjects: list[str]
    waiting: dict[str, list[str]] = field(default_factory=dict, repr=False)
    cells: dict[str, list[str | None]] = field(default_factory=dict)

    async def take(self, names: Sequence[str], *, anybodys: bool = False, turn: str = "") -> None:
        """Asks about what waits in these columns. `anybodys`: of rows without a person, with whoever has it."""
        items: list[TokeniseItem] = []
        places: list[tuple[int, str]] = []
        for name in names:
            class_id = self.columns.values[name]
            kind: Kind = "deterministic" if class_id in self.job.deterministic else "random"
            for row, value in enumerate(self.waiting[name]):
                if value and not (anybodys and self.subjects[row][:1] != "@"):
                    items.append(TokeniseItem(class_id, value, None if anybodys else self.subjects[row], kind))
                    places.append((row, name))
        for (row, name), result in zip(places, await self.job.tokenised(self.number, items, turn), strict=True):
            self.waiting[name][row] = ""
            if result.token is None or result.subject is None:
                self._note(row, name, result.error)
                continue
            self.cells[name][row] = result.token
            self.cells[SUBJECT][row] = self.subjects[row] = result.subject

    def _note(self, row: int, name: str, error: str | None) -> None:
        """A person that nobody knows is told once, of the column that names it."""
        named = self.columns.subject
        if named is None or error not in _NOBODY:
            self.answer.note(row, name, error)
        elif row not in self.answer.errors:
            self.answer.note(row, named, UNKNOWN_SUBJECT)


def _subjects(columns: ColumnMap, rows: Table, answer: Table) -> list[str]:
    """The id or label of each row's person; notes the rows that name none."""
    if columns.subject is None:
        return [f"@{row}" for row in range(rows.size)]
    named = [cell or "" for cell in rows.columns[columns.subject]]
    for row, text in enumerate(named):
        if row not in answer.errors and text[:1] in ("", "@"):
            answer.note(row, columns.subject, UNKNOWN_SUBJECT)
    return named


async def reveal_rows(job: Job, columns: ColumnMap, rows: Table) -> Table:
    """Rows with values in the place of tokens; a mask stands where no more is allowed, and `error` says so."""
    answer = rows.answer({name: rows.columns[name] for name in columns.kept})
    asked = [[cell or "" for cell in rows.columns[name]] for name in columns.values]
    tokens = [token for cells in asked for token in cells if token]
    if not tokens:
        return answer
    results = iter(
        await patiently(
            lambda: reveal(
                job.vault, job.principal, purpose=job.purpose, tokens=tokens, request_id=new_request_id(), keep=False
            ),
            repeatable=True,
        )
    )
    for name, cells in zip(columns.values, asked, strict=True):
        shown: list[str | None] = []
        for row, token in enumerate(cells):
            result = next(results) if token else None
            shown.append(None if result is None else result.mask if result.value is None else result.value)
            if result is not None and result.value is None:
                answer.note(row, name, "mask" if result.mask is not None else result.error)
        answer.columns[name] = shown
    return answer


def rows_per_batch(columns: Mapping[str, str], most: int) -> int:
    """So that no batch has more than `most` items."""
    return max(1, most // len(columns))
